import { createHmac } from 'node:crypto';
import type { ClaimedNotification } from '#libs/persistence/notifications';
import type { Receiver } from './receivers.js';

const SECRET_PREFIX = 'whsec_';

/** Why a receiver has not taken a notification; its message does not name the address. */
export class NotDeliveredError extends Error {
  override readonly name = 'NotDeliveredError';
  constructor(
    message: string,
    /** How long the receiver asks to be left alone; 0 where it does not ask. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

interface AttemptOptions {
  readonly secret: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Posts a notification once. A redirect is not followed: only the address that was configured is asked.
 * @throws NotDeliveredError for anything but an answer of 200 to 299
 */
export async function attempt(
  { url }: Pick<Receiver, 'url'>,
  notification: Pick<ClaimedNotification, 'notificationId' | 'body'>,
  { secret, signal }: AttemptOptions,
): Promise<void> {
  const { notificationId, body } = notification;
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'teststrip',
    ...signatureHeaders({ notificationId, body, secret, atMs: Date.now() }),
  };
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' }).catch(
    (error: Error) => {
      const { cause } = error;
      throw new NotDeliveredError(cause instanceof Error && cause.message !== '' ? cause.message : error.message);
    },
  );
  // Whatever is in it is of no interest, and may be without end.
  await response.body?.cancel().catch(() => undefined);
  if (response.ok) return;
  const retryAfterMs = 1000 * Number(response.headers.get('retry-after') ?? 0);
  throw new NotDeliveredError(
    `answered with status ${response.status}, expected 200 to 299`,
    Number.isFinite(retryAfterMs) ? retryAfterMs : 0,
  );
}

interface Signed {
  readonly notificationId: string;
  readonly body: string;
  readonly secret: string | undefined;
  readonly atMs: number;
}

/** Headers of Standard Webhooks 1.0: HMAC-SHA256 of id, seconds and body, so that neither can be exchanged nor sent again later. */
export function signatureHeaders({ notificationId, body, secret, atMs }: Signed): Readonly<Record<string, string>> {
  const seconds = Math.floor(atMs / 1000);
  const named = { 'webhook-id': notificationId, 'webhook-timestamp': String(seconds) };
  if (secret === undefined) return named;
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  const digest = createHmac('sha256', key).update(`${notificationId}.${seconds}.${body}`).digest('base64');
  return { ...named, 'webhook-signature': `v1,${digest}` };
}
