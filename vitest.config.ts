import { defineConfig } from 'vitest/config';

// Sources are tested without a build: the `teststrip-source` condition of package.json "imports" leads to the .ts doors.
const conditions = ['teststrip-source'];

const everywhere = (ending: string): string[] =>
  ['apps', 'clients', 'libs', 'lab', 'test', 'tools'].map((folder) => `${folder}/**/*.${ending}.ts`);

/** What changes the process that it runs in, as the command line does. */
const alone = ['cli', 'other-proxies'].map((name) => `test/integration/${name}.int.spec.ts`);

/** A part of the tests, `npm run test:unit` and so on. The end-to-end part drives the compiled apps, one file after another. */
function part(name: string, include: string[], exclude: string[] = []) {
  // Specs share what they have imported: loading it anew for each file would take longer than running them.
  const isolate = name === 'e2e' || name === 'int-alone';
  return { extends: true as const, test: { name, include, isolate, exclude: ['**/node_modules/**', ...exclude] } };
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    globalSetup: ['test/announce-reference-vectors.ts'],
    setupFiles: ['reflect-metadata'],
    tags: [{ name: 'long', description: 'Takes long and guards what seldom changes: npm run test:long.' }],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      part(
        'unit',
        everywhere('spec'),
        ['sim', 'int', 'e2e'].flatMap((kind) => everywhere(`${kind}.spec`)),
      ),
      part('sim', everywhere('sim.spec')),
      part('int', everywhere('int.spec'), alone),
      part('int-alone', alone),
      part('e2e', everywhere('e2e.spec')),
    ],
  },
});
