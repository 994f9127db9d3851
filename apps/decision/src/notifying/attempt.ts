import type { ClaimedNotification } from '#libs/persistence/notifications';
import { NotDeliveredError } from './not-delivered-error.js';
import type { Receiver } from './receivers.js';
import { postSigned, retryAfterMsOf } from './signed-post.js';

interface AttemptOptions {
  readonly secret: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Posts a notification once.
 * @throws NotDeliveredError for anything but an answer of 200 to 299
 */
export async function attempt(
  { url }: Pick<Receiver, 'url'>,
  { notificationId: id, body }: Pick<ClaimedNotification, 'notificationId' | 'body'>,
  { secret, signal }: AttemptOptions,
): Promise<void> {
  const response = await postSigned(url, { id, body, secret }, signal);
  // Whatever is in it is of no interest, and may be without end.
  await response.body?.cancel().catch(() => undefined);
  if (response.ok) return;
  const retryAfterMs = retryAfterMsOf(response);
  throw new NotDeliveredError(`answered with status ${response.status}, expected 200 to 299`, { retryAfterMs });
}
