/** Time as a value that can be replaced: pure code gets numbers from it, never reads the system itself. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };
