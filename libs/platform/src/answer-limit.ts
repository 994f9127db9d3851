/**
 * How long nothing may come of an answer. Who stood still itself (stopped, starved of the processor, busy) finds its timers due before it has read what came
 * meanwhile, and would take an answer that lies in the socket for one that is late: sockets are read once more, and only then it is judged.
 */
export class AnswerLimit {
  private timer: NodeJS.Timeout;
  private look: NodeJS.Immediate | undefined;

  constructor(
    private afterMs: number,
    private readonly onLate: (afterMs: number) => void,
  ) {
    this.timer = this.begin();
  }

  /** Something has come: begins anew. */
  refresh(): void {
    this.forgetLook();
    this.timer.refresh();
  }

  /** Begins anew, with another limit. */
  restart(afterMs: number): void {
    if (afterMs === this.afterMs) return this.refresh();
    this.clear();
    this.afterMs = afterMs;
    this.timer = this.begin();
  }

  clear(): void {
    this.forgetLook();
    clearTimeout(this.timer);
  }

  private begin(): NodeJS.Timeout {
    return setTimeout(() => {
      this.look = setImmediate(this.onLate, this.afterMs);
    }, this.afterMs);
  }

  private forgetLook(): void {
    if (this.look === undefined) return;
    clearImmediate(this.look);
    this.look = undefined;
  }
}

/**
 * Like `AbortSignal.timeout`, of which the same is true; and what is read piece by piece has as much longer as this process stood still.
 * Aborted with a `TimeoutError`. With `fetch` it needs `redirect: 'follow'` or `'manual'`: after the head of an answer Node.js 20 forgets the signal of a request with
 * `'error'` as soon as memory is collected, and a body that never ends is read for ever.
 */
export function answerSignal(limitMs: number): AbortSignal {
  const ending = new AbortController();
  const beganAtMs = performance.now();
  const abort = (): void => ending.abort(new DOMException(`The operation was aborted due to timeout`, 'TimeoutError'));
  const giveBack = (): void => {
    const stoodStillMs = performance.now() - beganAtMs - limitMs;
    setTimeout(() => setImmediate(abort), Math.min(stoodStillMs, limitMs)).unref();
  };
  setTimeout(giveBack, limitMs).unref();
  return ending.signal;
}
