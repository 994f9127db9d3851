import type { Client } from 'pg';

const UNANSWERED = Symbol('unanswered');

/** Whether the driver gave up waiting for a statement's answer; also after the error's message was mended. */
export function isUnanswered(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const marked = error as Error & { [UNANSWERED]?: true };
  if (error.message === 'Query read timeout') marked[UNANSWERED] = true;
  return marked[UNANSWERED] === true;
}

/** Closes a connection on which nothing is answered: an orderly end would wait for the answer. */
export function hangUp(client: Client): void {
  (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
}
