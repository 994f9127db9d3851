import { AnswerLimit } from '#libs/platform';

interface Limits {
  readonly timeoutMs: number;
  /** Aborted when the service closes. */
  readonly closing: AbortSignal;
}

/** Makes one attempt, whose signal ends it when its time is over or the service closes, and says which. */
export async function inTime<Result>(
  { timeoutMs, closing }: Limits,
  attempt: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  // Held by the timer: a signal composed of others may be collected before it fires, and the attempt would never end.
  const ending = new AbortController();
  const end = (why: string) => (): void => ending.abort(new Error(why));
  const limit = new AnswerLimit(timeoutMs, end(`no answer within ${timeoutMs} ms`));
  const onClosing = end('the decision service is closing');
  closing.addEventListener('abort', onClosing, { once: true });
  try {
    return await attempt(ending.signal);
  } finally {
    limit.clear();
    closing.removeEventListener('abort', onClosing);
  }
}
