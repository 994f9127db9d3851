import { randomUUID } from 'node:crypto';
import { encodeEvent, stampEvent, type EventDraft, type TopicName } from '#libs/contracts';
import { newTraceparent } from '#libs/platform';
import type { EventBus } from '../event-bus.js';

/** An event as it is handed over for publication. */
export type NewEvent<T extends TopicName = TopicName> = {
  [Name in T]: Omit<EventDraft<Name>, 'id' | 'timeMs'> & {
    /** Default: a random UUID. */
    readonly id?: string | undefined;
    /** Default: now. */
    readonly timeMs?: number | undefined;
  };
}[T];

/** Publishes events of one source with their CloudEvents attributes; one without a cause begins a trace of its own. */
export interface EventPublisher {
  /** Resolves when every event is durable. */
  publish(events: readonly NewEvent[]): Promise<void>;
}

/**
 * ```ts
 * const publisher = createEventPublisher(bus, eventSource('decision', controller));
 * await publisher.publish([{ type: 'controller.heartbeat.v1', subject: controller, data }]);
 * ```
 */
export function createEventPublisher(
  bus: Pick<EventBus, 'publish'>,
  source: string,
  options: { readonly nowMs?: () => number; readonly newId?: () => string } = {},
): EventPublisher {
  const { nowMs = Date.now, newId = randomUUID } = options;
  const stamp = ({ id, timeMs, traceparent, ...event }: NewEvent) =>
    stampEvent(
      {
        ...event,
        id: id ?? newId(),
        timeMs: timeMs ?? nowMs(),
        traceparent: traceparent ?? newTraceparent(),
      } as EventDraft,
      source,
    );
  return { publish: (events) => bus.publish(events.map((event) => encodeEvent(stamp(event)))) };
}
