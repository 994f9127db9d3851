/** Stops what it was given for. */
export type Stop = () => Promise<void>;

/**
 * Runs `work` every `everyMs`, never twice at once: a run that takes longer delays the next. A failed run is told to `onError`, and the next one
 * comes all the same.
 */
export function every(everyMs: number, work: () => Promise<void>, onError: (error: Error) => void): Stop {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= work()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
