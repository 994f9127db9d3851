import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Carrier } from '../arguments.js';
import type { Scenario } from './scenario.js';
import { startStack, type StackShape, type Stack } from './stack.js';

/** Most requests of the traffic that are under way at once. */
export const CONCURRENCY = 56;
/** Requests after the end of a story that check who is served. */
export const REQUESTS_AFTERWARDS = 300;

export interface StackSettings {
  readonly bus: Carrier;
  readonly shape: StackShape;
  readonly signal: AbortSignal;
}

/** Runs `play` on a stack with a data folder of its own; both are gone afterwards, however it ends. */
export async function withStack<T>(settings: StackSettings, play: (stack: Stack) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-'));
  try {
    const stack = await startStack({ ...settings, dataDir });
    try {
      return await play(stack);
    } finally {
      await stack.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Where the scorer dies in a story, it has to be a process of its own. */
export function shapeFor(list: readonly Scenario[], apart: boolean): StackShape {
  if (apart) return 'all-apart';
  return list.some(needsScorerAlone) ? 'scorer-apart' : 'standalone';
}

export function needsScorerAlone({ event }: Scenario): boolean {
  return event.kind === 'scorer-dies';
}
