import { spawn, type ChildProcess } from 'node:child_process';
import { documented, readConfig, variables } from '#libs/platform';

/** A process that a test has started, and what it has said. */
export interface WatchedProcess {
  readonly process: ChildProcess;
  /** All of stdout and stderr so far. */
  readonly output: () => string;
  /** Exit code or signal. */
  readonly ended: Promise<number | string>;
  /** Resolves with what the first match of its output says; rejects when it ends without one. */
  said(pattern: RegExp): Promise<string>;
}

/** Starts `node` with `args` and nothing in its environment but PATH and what is given. */
export function watchNode(args: readonly string[], environment: Readonly<Record<string, string>> = {}): WatchedProcess {
  const { PATH } = readConfig({ PATH: documented(variables.text.default(''), 'Where programs are found.') });
  const child = spawn(process.execPath, args, { env: { PATH, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const look: (() => void)[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const one of look) one();
    });
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? '')),
  );
  return {
    process: child,
    output: () => output,
    ended,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const found = pattern.exec(output);
          if (found) resolve(found[0]);
        };
        look.push(check);
        check();
        void ended.then((how) =>
          reject(new Error(`${args.join(' ')} ended with ${how} and never said ${pattern}:\n${output}`)),
        );
      }),
  };
}
