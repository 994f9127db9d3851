import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from './source-files.js';

const MOST_LINES = 65;
const MOST_PARAMETERS = 4;
/** Inside the function or above it: why it is longer, or takes more, than others. */
const REASON = /\b(long|many parameters) because\b/i;

interface Shape {
  readonly place: string;
  readonly lines: number;
  readonly parameters: number;
  readonly hasReason: boolean;
}

/** Functions, methods and arrow functions; describe blocks of specs are not among the sources. */
function functionsIn(file: string): readonly Shape[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Shape[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const line = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
      const [first, last] = [line(node.getStart()), line(node.end)];
      const isConstructor = ts.isConstructorDeclaration(node);
      found.push({
        place: `${file}:${first} ${node.name?.getText() ?? ''}`,
        lines: last - first + 1,
        // Injected by the framework, by type: nobody writes these calls.
        parameters:
          isConstructor && node.parameters.some((parameter) => ts.getDecorators(parameter)?.length)
            ? 0
            : node.parameters.length,
        hasReason: REASON.test(node.getFullText()),
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const functions = sourceFiles(['apps', 'libs', 'lab', 'tools', 'test']).flatMap(functionsIn);

describe('functions', () => {
  it(`are at most ${MOST_LINES} lines long, or say why they are "long because …"`, () => {
    expect(
      functions
        .filter(({ lines, hasReason }) => lines > MOST_LINES && !hasReason)
        .map(({ place, lines }) => `${place}: ${lines}`),
    ).toEqual([]);
  });

  it(`take at most ${MOST_PARAMETERS} positional parameters, or say why they have "many parameters because …"`, () => {
    expect(
      functions
        .filter(({ parameters, hasReason }) => parameters > MOST_PARAMETERS && !hasReason)
        .map(({ place, parameters }) => `${place}: ${parameters}`),
    ).toEqual([]);
  });
});
