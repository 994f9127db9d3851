import type { ClaimedNotification } from '#libs/persistence/notifications';
import { retryAfterMs } from '#libs/platform';
import type { MailSettings } from './email/mail-server.js';
import { handOver } from './email/smtp.js';
import { NotDeliveredError } from './not-delivered-error.js';
import type { Receiver } from './receivers.js';
import { postSigned } from './signed-post.js';

interface AttemptOptions {
  readonly secret: string | undefined;
  readonly mail: MailSettings | undefined;
  readonly signal: AbortSignal;
}

/**
 * Gives a receiver a notification, once.
 * @throws NotDeliveredError for anything but the word that it was taken: an answer of 200 to 299, or a mail server's
 */
export async function attempt(
  receiver: Receiver,
  { notificationId: id, body }: Pick<ClaimedNotification, 'notificationId' | 'body'>,
  { secret, mail, signal }: AttemptOptions,
): Promise<void> {
  if (receiver.form === 'email') {
    if (mail === undefined) throw new NotDeliveredError('no mail server is configured (NOTIFY_SMTP)');
    return handOver(mail.server, { from: mail.from, to: receiver.address, message: body }, signal);
  }
  // Slack knows its clients by their addresses.
  const signed = { id, body, secret: receiver.form === 'slack' ? undefined : secret };
  const response = await postSigned(receiver.url, signed, signal);
  // Whatever is in it is of no interest, and may be without end.
  await response.body?.cancel().catch(() => undefined);
  if (response.ok) return;
  const { status } = response;
  // Slack takes this message never, and those behind it are not to wait for that; a webhook that is set up wrongly may be mended meanwhile.
  const isFinal = receiver.form === 'slack' && status === 400;
  throw new NotDeliveredError(`answered with status ${status}, expected 200 to 299`, {
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
    isFinal,
  });
}
