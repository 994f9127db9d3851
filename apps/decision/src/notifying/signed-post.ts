import { createHmac } from 'node:crypto';
import { NotDeliveredError } from './not-delivered-error.js';

const SECRET_PREFIX = 'whsec_';

/** What is posted, and with what it is signed. */
export interface Signed {
  /** By which a receiver recognises what comes again. */
  readonly id: string;
  readonly body: string;
  /** `whsec_…`; undefined: nothing is signed. */
  readonly secret: string | undefined;
}

/**
 * Posts JSON once, signed. A redirect is not followed: only the address that was configured is asked.
 * @throws NotDeliveredError where nothing answers
 */
export async function postSigned(url: string, { id, body, secret }: Signed, signal: AbortSignal): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'teststrip',
    ...signatureHeaders({ id, body, secret, atMs: Date.now() }),
  };
  return fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' }).catch((error: Error) => {
    const { cause } = error;
    throw new NotDeliveredError(cause instanceof Error && cause.message !== '' ? cause.message : error.message);
  });
}

/** Headers of Standard Webhooks 1.0: HMAC-SHA256 of id, seconds and body, so that neither can be exchanged nor sent again later. */
export function signatureHeaders({
  id,
  body,
  secret,
  atMs,
}: Signed & { readonly atMs: number }): Readonly<Record<string, string>> {
  const seconds = Math.floor(atMs / 1000);
  const named = { 'webhook-id': id, 'webhook-timestamp': String(seconds) };
  if (secret === undefined) return named;
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return { ...named, 'webhook-signature': `v1,${digest}` };
}
