import { defineConfig } from 'vite';

/** Written beside npm/package.json, which stands apart so that the sources belong to the repository's package. One file without dependencies, so that whoever installs the client installs nothing else. */
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['teststrip-source'] },
  ssr: { resolve: { conditions: ['teststrip-source'] }, noExternal: true },
  build: { ssr: 'src/index.ts', outDir: 'npm/dist', target: 'node20', minify: false, emptyOutDir: true },
});
