import type { BatchHandler, EventBus, Subscription, SubscriptionOptions } from '../event-bus.js';
import type { OrderTrust } from '../signing/order-trust.js';
import { absorbRepeats, noteProgress, Progress } from './absorb-repeats.js';
import { DeadLetters } from './dead-letters.js';
import { decode, type EventBatch, type ReceivedEvent } from './decode.js';
import { compose, type Handler, type Middleware } from './handler.js';
import { isolateFailures, type IsolationOptions } from './isolate-failures.js';
import { newestPerKey } from './newest-per-key.js';
import { oneByOne } from './one-by-one.js';

/** What is done with the events of one topic: one after the other, or a whole batch of a partition at once. */
export type TopicHandler =
  | { readonly takes: 'event'; readonly handle: (received: ReceivedEvent, batch: EventBatch) => Promise<void> }
  | { readonly takes: 'batch'; readonly handle: Handler<EventBatch> };

export interface ConsumerOptions extends Omit<SubscriptionOptions, 'topics' | 'handler'> {
  readonly bus: Pick<EventBus, 'publish' | 'subscribe'>;
  /** By topic. */
  readonly handlers: ReadonlyMap<string, TopicHandler>;
  readonly probe?: IsolationOptions['probe'];
  /** By topic: of each key only the newest so many of a batch are handled, see `newestPerKey`. Absent: all. */
  readonly newest?: Readonly<Record<string, number>> | undefined;
  /** Whose word counts on topics that are obeyed. Absent: everybody's. */
  readonly trust?: OrderTrust | undefined;
  /** Default: those of the group. */
  readonly deadLetters?: DeadLetters;
  readonly nowMs?: (() => number) | undefined;
  readonly log?: { warn(message: string): void } | undefined;
}

/**
 * The one way to consume events: records are decoded, malformed ones go to the dead letters, repeats are absorbed, an event that can't
 * be handled is isolated, and what fails otherwise is repeated after a growing pause (by the carrier, which lets other partitions go on
 * meanwhile).
 */
export function consumeEvents(options: ConsumerOptions): Subscription {
  const { bus, handlers, probe, newest = {}, trust, nowMs, log, onAssigned, ...subscription } = options;
  const deadLetters = options.deadLetters ?? new DeadLetters({ bus, group: options.group, nowMs, log });
  const progress = new Progress();
  const byTopic = new Map<string, BatchHandler>();
  for (const [topic, handler] of handlers) {
    const isolation = isolateFailures({ deadLetters, probe });
    const order: readonly Middleware<EventBatch>[] = handler.takes === 'event' ? [oneByOne] : [];
    const pieces = [absorbRepeats(progress), ...order, isolation, noteProgress(progress)];
    const handle = compose(decode(deadLetters, trust), ...pieces)(batchHandlerOf(handler));
    const most = newest[topic];
    byTopic.set(topic, most === undefined ? handle : newestPerKey(most)(handle));
  }
  return bus.subscribe({
    ...subscription,
    topics: [...handlers.keys()],
    handler: async (batch) => {
      await byTopic.get(batch.topic)!(batch);
      deadLetters.forgetBefore(batch.topic, batch.partition, batch.nextOffset);
    },
    onAssigned: async (topic, partition) => {
      progress.forget(topic, partition);
      await onAssigned?.(topic, partition);
    },
  });
}

function batchHandlerOf(handler: TopicHandler): Handler<EventBatch> {
  switch (handler.takes) {
    case 'batch':
      return handler.handle;
    case 'event':
      return async (batch) => {
        for (const received of batch.events) await handler.handle(received, batch);
      };
    default:
      return handler satisfies never;
  }
}
