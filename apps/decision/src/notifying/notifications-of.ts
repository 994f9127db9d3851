import { randomUUID } from 'node:crypto';
import type { DeliveryEvent } from '#libs/delivery';
import type { NewNotification } from '#libs/persistence/notifications';
import type { KnownState } from '../deciding/decision-log.js';
import { bodyFor } from './body.js';
import { experimentLink } from './experiment-link.js';
import { noticeOf } from './notice.js';
import type { NotifySettings } from './notify-settings.js';

/** What each receiver is to be told of decision events, in their order. One event has one id, whoever is told of it. */
export function notificationsOf(
  {
    receivers,
    on,
    pageUrl,
    templates,
    mail,
  }: Pick<NotifySettings, 'receivers' | 'on' | 'pageUrl' | 'templates' | 'mail'>,
  events: readonly DeliveryEvent[],
  after: KnownState,
): readonly NewNotification[] {
  if (receivers.length === 0 || after.phase === 'absent') return [];
  const { experiment } = after;
  const link = experimentLink(pageUrl, experiment);
  return events.flatMap((event) => {
    const notice = noticeOf(event, after);
    if (notice === undefined || !on.includes(notice.decision)) return [];
    const notificationId = `msg_${randomUUID()}`;
    const told = { notice, link, notificationId };
    return receivers.map((receiver) => ({
      receiver: receiver.name,
      experiment,
      notificationId,
      body: bodyFor(receiver, told, { templates, from: mail?.from }),
    }));
  });
}
