const LOOK_EVERY_MS = 500;

/** Calls back once when the process that started this one has ended. */
export function onParentEnd(callback: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, LOOK_EVERY_MS);
  timer.unref();
}

/** Under `npm run` a shell lies between npm and this process; when npm is told to end, the shell ends without passing it on. */
export function isStartedByNpm(): boolean {
  return process.env['npm_lifecycle_event'] !== undefined;
}
