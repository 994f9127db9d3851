import { randomUUID } from 'node:crypto';
import { encodeEvent, topics } from '#libs/contracts';
import type { EventBus } from '#libs/messaging';

/** One sign of life of the controller: who it is and what it decides about. */
export async function publishHeartbeat(
  bus: Pick<EventBus, 'publish'>,
  controller: string,
  nowMs: number,
  running: readonly string[],
): Promise<void> {
  const at = new Date(nowMs).toISOString();
  const heartbeat = encodeEvent({
    specversion: '1.0',
    id: randomUUID(),
    source: `teststrip/${controller}`,
    type: topics.controllerHeartbeat.name,
    time: at,
    subject: controller,
    data: { controller, at, running: [...running] },
  });
  await bus.publish([heartbeat]);
}
