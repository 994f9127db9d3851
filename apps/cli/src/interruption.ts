import { isStartedByNpm, onParentEnd } from '#libs/platform';
import { endChildrenAtOnce } from './scenarios/child-process.js';

/**
 * Aborted by SIGINT, SIGTERM, SIGHUP, a vanished reader of what is printed (`| head`) or the end of npm: then everything is stopped in order. One Ctrl-C may arrive twice, from the terminal and from a wrapper such as npm; one that comes a while later means that it takes
 * too long: processes that were started are killed, what holds data is still closed.
 */
export function interruption(): AbortSignal {
  const interrupted = new AbortController();
  let firstAt: number | undefined;
  const interrupt = (): void => {
    firstAt ??= performance.now();
    if (performance.now() - firstAt > SAME_KEYSTROKE_MS) endChildrenAtOnce();
    interrupted.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  if (isStartedByNpm()) onParentEnd(interrupt);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', interrupt);
  return interrupted.signal;
}

const SAME_KEYSTROKE_MS = 1_000;
