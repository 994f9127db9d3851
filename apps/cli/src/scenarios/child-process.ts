import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { childEnvironment } from '#libs/platform';

export interface Child {
  readonly process: ChildProcess;
  /** What the child said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves with the exit code or signal. */
  readonly ended: Promise<number | string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface StartOptions {
  readonly timeoutMs?: number;
  readonly onLine?: (line: string) => void;
  /** How far others go before it where CPUs are short, 0–19 ("nice"). Default 0. */
  readonly niceness?: number;
}

/**
 * Starts one of the compiled apps and waits for its line `{"ready":true,…}` on stdout.
 * @throws Error with the end of its stderr when it ends or stays silent for `timeoutMs`.
 */
export async function startApp(
  app: string,
  settings: Readonly<Record<string, string>>,
  options: StartOptions = {},
): Promise<Child> {
  const main = new URL(`../../../${app}/src/main.js`, import.meta.url).pathname;
  const child = spawn(process.execPath, ['--enable-source-maps', main], {
    env: childEnvironment(settings),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (options.niceness !== undefined && child.pid !== undefined) setPriority(child.pid, options.niceness);
  const lastWords: string[] = [];
  const remember = (line: string): void => {
    lastWords.push(line);
    if (lastWords.length > 40) lastWords.shift();
    options.onLine?.(line);
  };
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  createInterface({ input: child.stderr }).on('line', remember);
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${app} ${why}; its last words:\n${lastWords.join('\n')}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`was not ready within ${options.timeoutMs ?? 30_000} ms`);
    }, options.timeoutMs ?? 30_000);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{"ready":true')) return remember(line);
      clearTimeout(timer);
      resolve(JSON.parse(line) as Record<string, unknown>);
    });
    void ended.then((how) => {
      clearTimeout(timer);
      fail(`ended with ${how} before it was ready`);
    });
  });
  return {
    process: child,
    ready,
    ended,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
