import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from './source-files.js';

/** Declares the exported name anew; `export … from` only passes one on. */
function exportedNames(file: string): readonly string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((statement) => {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
    }
    const { name } = statement as ts.FunctionDeclaration;
    return name ? [name.text] : [];
  });
}

describe('exported names', () => {
  it('mean one thing each: no name is exported from two files', () => {
    const homes = new Map<string, Set<string>>();
    for (const file of sourceFiles(['apps', 'libs', 'lab', 'tools'])) {
      for (const name of exportedNames(file)) homes.set(name, (homes.get(name) ?? new Set()).add(file));
    }
    expect(homes.size, 'names were found').toBeGreaterThan(1_000);
    const twice = [...homes]
      .filter(([, files]) => files.size > 1)
      .map(([name, files]) => `${name}: ${[...files].join(', ')}`);
    expect(twice.sort()).toEqual([]);
  });
});
