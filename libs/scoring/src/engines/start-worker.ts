import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Starts a worker thread from a module beside the caller, compiled or not: `new URL('./x.js', import.meta.url)` is the file that
 * the build writes. When the caller itself runs from its TypeScript source (tests, `tsx`), that file does not exist; then the
 * source is loaded through tsx, which is a development dependency only.
 */
export function startWorker(compiled: URL, options: WorkerOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(compiled, options);
  const source = compiled.href.replace(/\.js$/, '.ts');
  const loader = import.meta.resolve('tsx/esm/api');
  // Node 20 ignores the module hooks of an `--import` in a worker's execArgv, so the first lines of the worker register them.
  const bootstrap = `import(${JSON.stringify(loader)}).then(({ register }) => {
    register();
    return import(${JSON.stringify(source)});
  });`;
  // The condition under which package.json's "imports" lead to sources.
  return new Worker(bootstrap, { ...options, eval: true, execArgv: ['--conditions=teststrip-source'] });
}
