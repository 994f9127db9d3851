import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { childEnvironment } from '#libs/platform';
import { InterruptedError } from './interrupted-error.js';

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
  /** Ends the start: the child is killed. */
  readonly signal?: AbortSignal | undefined;
}

const READY_WITHIN_MS = 30_000;
/** Longer than a service gives itself to close. */
const STOPPED_WITHIN_MS = 15_000;

const children = new Set<ChildProcess>();
// Whatever ends this process, nothing it started stays behind.
process.once('exit', endChildrenAtOnce);

/** Kills every child that still runs; nothing is saved, nobody is told. */
export function endChildrenAtOnce(): void {
  for (const child of children) child.kill('SIGKILL');
}

/**
 * Starts one of the compiled apps and waits for its line `{"ready":true,…}` on stdout. It gets a process group of its own: Ctrl-C in the terminal
 * reaches this process alone, which stops the others in order.
 * @throws Error with its last words when it ends or stays silent for `timeoutMs`; InterruptedError at the signal.
 */
export async function spawnApp(
  app: string,
  settings: Readonly<Record<string, string>>,
  options: StartOptions = {},
): Promise<Child> {
  if (options.signal?.aborted) throw new InterruptedError();
  const main = new URL(`../../../${app}/src/main.js`, import.meta.url).pathname;
  const child = spawn(process.execPath, ['--enable-source-maps', main], {
    env: childEnvironment({ ...settings, END_WITH_PARENT: 'true' }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.add(child);
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => {
      children.delete(child);
      resolve(code ?? signal ?? 'unknown');
    });
  });
  if (options.niceness !== undefined && child.pid !== undefined) setPriority(child.pid, options.niceness);
  const ready = await untilReady(app, child, ended, options);
  return {
    process: child,
    ready,
    ended,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const tooLong = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
      await ended;
      clearTimeout(tooLong);
    },
  };
}

function untilReady(
  app: string,
  child: ChildProcess,
  ended: Promise<number | string>,
  { timeoutMs = READY_WITHIN_MS, onLine, signal }: StartOptions,
): Promise<Record<string, unknown>> {
  const lastWords: string[] = [];
  const remember = (line: string): void => {
    lastWords.push(line);
    if (lastWords.length > 40) lastWords.shift();
    onLine?.(line);
  };
  createInterface({ input: child.stderr! }).on('line', remember);
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    let why: Error | undefined;
    const end = (reason: Error): void => {
      why ??= reason;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () => end(failed(app, `was not ready within ${timeoutMs / 1_000} s`, lastWords)),
      timeoutMs,
    );
    const onAbort = (): void => end(new InterruptedError());
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{"ready":true')) return remember(line);
      settle();
      resolve(JSON.parse(line) as Record<string, unknown>);
    });
    // Its output is read to the end first, then it is known why.
    child.once('close', () => {
      settle();
      void ended.then((how) => reject(why ?? failed(app, `ended with ${how} before it was ready`, lastWords)));
    });
  });
}

function failed(app: string, what: string, lastWords: readonly string[]): Error {
  const said = lastWords.map((line) => `  ${line}`);
  return new Error([`${app} ${what}${said.length === 0 ? '.' : ':'}`, ...said].join('\n'));
}
