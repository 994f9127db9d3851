import { randomUUID } from 'node:crypto';
import { encodeEvent, type DataOf, type TopicName } from '#libs/contracts';
import type { EventBus } from '../event-bus.js';

/** An event before it is stamped. */
export type EventDraft<T extends TopicName = TopicName> = {
  [Name in T]: {
    /** The topic. */
    readonly type: Name;
    /** The partition key: the unit or the experiment. */
    readonly subject: string;
    readonly data: DataOf<Name>;
    /** Default: a random UUID. Give one that follows from the cause where a repetition must be recognised. */
    readonly id?: string;
    /** W3C trace context of the cause, passed on as it is. */
    readonly traceparent?: string;
    /** When it happened, milliseconds since the epoch. Default: now. */
    readonly timeMs?: number;
  };
}[T];

/** Publishes events with their CloudEvents attributes. */
export interface EventPublisher {
  /** Resolves when every event is durable. */
  publish(events: EventDraft | readonly EventDraft[]): Promise<void>;
}

/**
 * ```ts
 * const publisher = createEventPublisher(bus, '/router/1');
 * await publisher.publish({ type: 'request.routed.v1', subject: unit, data, traceparent });
 * ```
 * @param source CloudEvents `source`: which service, as a path
 */
export function createEventPublisher(
  bus: Pick<EventBus, 'publish'>,
  source: string,
  options: { readonly nowMs?: () => number; readonly newId?: () => string } = {},
): EventPublisher {
  const { nowMs = Date.now, newId = randomUUID } = options;
  return {
    publish: async (events) => {
      const drafts = Array.isArray(events) ? (events as readonly EventDraft[]) : [events as EventDraft];
      await bus.publish(
        drafts.map(({ timeMs, id, ...draft }) =>
          encodeEvent({
            specversion: '1.0',
            id: id ?? newId(),
            source,
            time: new Date(timeMs ?? nowMs()).toISOString(),
            ...draft,
          }),
        ),
      );
    },
  };
}
