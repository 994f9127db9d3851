import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { moduleGraph, reachedModules } from './reached-modules.js';

/** What no service uses and is no method of the lab either, with whom it is for. */
const forOthers: Readonly<Record<string, string>> = {
  'libs/contracts/src/documents.ts':
    'npm run contracts writes the published schemas with it, which other services are built against',
  'libs/platform/src/app/start-app.ts': 'tests and benchmarks start an app inside their own process with it',
};

describe('modules of libraries', () => {
  it('are each used by a service: what none uses yet lives in lab', { timeout: 120_000 }, () => {
    const modules = [...modulesIn('apps'), ...modulesIn('libs')];
    const mains = modules.filter((path) => /^apps\/[^/]+\/src\/main\.ts$/.test(path));
    expect(mains.length).toBeGreaterThan(5);
    const reached = reachedModules(moduleGraph(modules), [...mains, ...Object.keys(forOthers)]);
    const unused = modules.filter((path) => path.startsWith('libs/') && isOurs(path) && !reached.has(path));
    expect(unused).toEqual([]);
    expect(Object.keys(forOthers).filter((path) => !modules.includes(path))).toEqual([]);
  });
});

describe('reachedModules', () => {
  it('sees through doors: a module that is only exported beside a used one is not reached', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modules-'));
    const files = {
      'main.ts':
        "import { used } from './door.js';\nimport type { Shape } from './door.js';\nnew URL('./worker.js', import.meta.url);\nused satisfies Shape;",
      'door.ts':
        "export * from './used.js';\nexport { unused } from './unused.js';\nexport type { Shape } from './shape.js';",
      'used.ts': 'export const used = 1;',
      'unused.ts': 'export const unused = 2;',
      'shape.ts': 'export type Shape = number;',
      'worker.ts': "import './effect.js';",
      'effect.ts': 'export {};',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const paths = Object.keys(files).map((name) => relative(process.cwd(), join(folder, name)));
    const reached = reachedModules(moduleGraph(paths), paths.slice(0, 1));
    rmSync(folder, { recursive: true });
    expect([...reached].map((path) => basename(path)).sort()).toEqual([
      'effect.ts',
      'main.ts',
      'shape.ts',
      'used.ts',
      'worker.ts',
    ]);
  });
});

/** Doors only pass on; libs/testing is for tests. */
function isOurs(path: string): boolean {
  return basename(path) !== 'index.ts' && !path.startsWith('libs/testing/');
}

/** Sources, without specs and what only they read. */
function modulesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.spec.ts') && /^[^/]+\/src\//.test(path))
    .map((path) => join(folder, path));
}
