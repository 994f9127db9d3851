import { topics } from '#libs/contracts';
import type { EventPublisher } from '#libs/messaging';

/** One sign of life of the controller: who it is and what it decides about. */
export async function publishHeartbeat(
  publisher: EventPublisher,
  controller: string,
  nowMs: number,
  { running, services }: { readonly running: readonly string[]; readonly services: Readonly<Record<string, number>> },
): Promise<void> {
  const at = new Date(nowMs).toISOString();
  const data = { controller, at, running: [...running], services };
  await publisher.publish([{ type: topics.controllerHeartbeat.name, subject: controller, timeMs: nowMs, data }]);
}
