import { setTimeout as pause } from 'node:timers/promises';
import type { NeedRequest } from './need.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Often enough for whoever looks, and no flood over a night. */
const TELL_EVERY_MS = 30_000;

/** A server that may not be there yet. */
export interface AwaitedServer<Resource> {
  /** With its address, for people: `Postgres at …`. */
  readonly what: string;
  open(): Promise<Resource>;
  /** Whether the server may come, or come back, by itself. */
  mayCome(error: unknown): boolean;
}

/** The process was told to end while it waited. */
export class StoppedWaitingError extends Error {
  override readonly name = 'StoppedWaitingError';
}

/**
 * Opens a resource as soon as its server is there; meanwhile the app is not ready, and says for what it waits.
 * @throws at once what waiting does not mend: a wrong password, for example; {@link StoppedWaitingError}
 */
export async function untilThere<Resource>(
  { what, open, mayCome }: AwaitedServer<Resource>,
  { logger, waiting }: Pick<NeedRequest, 'logger' | 'waiting'>,
): Promise<Resource> {
  let toldAtMs = -Infinity;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const resource = await open();
      if (attempt > 1) logger.log(`${what} is there, at attempt ${attempt}`);
      waiting.over();
      return resource;
    } catch (error) {
      if (!mayCome(error)) throw error;
      const told = `waiting for ${what}, tried ${times(attempt)}: ${reasonOf(error)}`;
      waiting.because(told);
      if (performance.now() - toldAtMs >= TELL_EVERY_MS) {
        toldAtMs = performance.now();
        logger.warn(told);
      }
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      await pause(pauseMs, undefined, { signal: waiting.signal }).catch(() => undefined);
      if (waiting.signal.aborted) throw new StoppedWaitingError(`ended while ${told}`, { cause: error });
    }
  }
}

function times(attempts: number): string {
  return attempts === 1 ? 'once' : `${attempts} times`;
}

/** Where a name has several addresses none of them answered: the first says why. */
function reasonOf(error: unknown): string {
  const root = rootOf(error);
  return root instanceof AggregateError ? rootOf(root.errors[0]).message : root.message;
}

/** What went wrong first, under whatever was said of it on the way. */
export function rootOf(error: unknown): Error & { readonly code?: unknown; readonly retriable?: unknown } {
  const own = error instanceof Error ? error : new Error(String(error));
  return own.cause instanceof Error ? rootOf(own.cause) : own;
}
