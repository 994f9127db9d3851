import { readFileSync } from 'node:fs';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from './source-files.js';

describe('architecture', () => {
  it('keeps to the rules of who may import whom', async () => {
    const options = await extractDepcruiseOptions('./.dependency-cruiser.cjs');
    const result = await cruise(['apps', 'libs', 'lab', 'tools', 'test'], options, undefined, {
      tsConfig: extractTSConfig('./tsconfig.json'),
    });
    const { modules, summary } = result.output as ICruiseResult;
    const edges = modules.flatMap(({ dependencies }) => dependencies.map(({ resolved }) => resolved));
    expect(
      edges.some((resolved) => /^libs\/[^/]+\/src\/index\.ts$/.test(resolved)),
      'the cruise follows #libs/…',
    ).toBe(true);
    expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  }, 120_000);

  it('reads process.env only in libs/platform', () => {
    const offenders = sourceFiles(['apps', 'libs']).filter(
      (file) => !file.startsWith('libs/platform/') && /\bprocess\.env\b/.test(readFileSync(file, 'utf8')),
    );
    expect(offenders).toEqual([]);
  });

  it('stamps every envelope in one place', () => {
    const places = sourceFiles(['apps', 'libs']).filter(
      (file) =>
        /\/src\//.test(file) && !file.startsWith('libs/testing/') && /\bspecversion:/.test(readFileSync(file, 'utf8')),
    );
    expect(places.toSorted()).toEqual([
      // The schema, and the stamp.
      'libs/contracts/src/envelope/encode.ts',
      'libs/contracts/src/envelope/stamp.ts',
    ]);
  });

  it('asks with no signal that Node.js 20 forgets, or collects, before it comes', () => {
    const forgotten = /\bredirect: 'error'|\bAbortSignal\.any\([^;]*\bAbortSignal\.timeout\(/;
    const offenders = sourceFiles(['apps', 'libs', 'clients']).filter((file) =>
      forgotten.test(readFileSync(file, 'utf8')),
    );
    expect(offenders, 'see answerSignal').toEqual([]);
  });

  it('keeps the clock and chance out of pure libraries', () => {
    const offenders = sourceFiles(
      ['assignment', 'statistics', 'planning', 'evidence', 'delivery', 'scenes', 'contracts'].map(
        (name) => `libs/${name}`,
      ),
    ).filter((file) => /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)/.test(readFileSync(file, 'utf8')));
    expect(offenders).toEqual([]);
  });
});
