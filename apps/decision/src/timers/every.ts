/** Work that is done again and again. */
export interface Repeated {
  /** When the work was last done, in the milliseconds of its clock; the start of it all before the first time. */
  readonly lastDoneAtMs: number;
  stop(): Promise<void>;
}

/**
 * Runs `work` every `everyMs`, never twice at once: a run that takes longer delays the next. A failed run is told to `onError`, and the next one
 * comes all the same.
 */
export function every(
  everyMs: number,
  work: () => Promise<void>,
  onError: (error: Error) => void,
  nowMs: () => number,
): Repeated {
  let running: Promise<void> | undefined;
  let lastDoneAtMs = nowMs();
  const timer = setInterval(() => {
    running ??= work()
      .then(() => {
        lastDoneAtMs = nowMs();
      })
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
  }, everyMs);
  return {
    get lastDoneAtMs() {
      return lastDoneAtMs;
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
