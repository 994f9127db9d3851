import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { TopicName } from '#libs/contracts';
import { deadLetter, UnprocessableEventError } from '../consume/dead-letter.js';
import { decodeBatch, type MalformedRecord, type ReceivedEvent } from '../consume/event-batch.js';
import type { EventBus, RecordBatch, Subscription, SubscriptionOptions } from '../event-bus.js';
import { EventContext } from './event-context.js';
import { BATCH } from './patterns.js';

export interface EventBusStrategyOptions extends Omit<SubscriptionOptions, 'topics' | 'handler'> {
  readonly bus: EventBus;
  /** Resolve `listen` only when the first partitions are assigned. Default true. */
  readonly waitUntilReady?: boolean;
  readonly nowMs?: () => number;
}

/**
 * Makes controllers out of the bus: the topics are those of their `@EventPattern` and `@BatchEventPattern` methods, one group for all.
 *
 * ```ts
 * @Controller()
 * class Feed {
 *   @EventPattern<string>('allocation.commanded.v1')
 *   async obey(@Payload() event: TeststripEvent<'allocation.commanded.v1'>, @Ctx() context: EventContext): Promise<void> { … }
 * }
 *
 * const app = await NestFactory.create(AppModule);
 * connectEventBus(app, { bus, group: 'router-1', startFrom: 'latest' });
 * await app.startAllMicroservices();
 * ```
 *
 * Methods get the decoded event. What is no event of its topic, and what a handler rejects with `UnprocessableEventError`, goes to
 * `<topic>.dead` byte for byte with the reason, and the partition moves on. Any other error repeats from the failed event on after
 * a growing pause; the events before it are not repeated. Events are shared between handlers: don't change them.
 */
export class EventBusStrategy extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private subscription: Subscription | undefined;

  constructor(private readonly options: EventBusStrategyOptions) {
    super();
  }

  /** The running subscription, for back-pressure and lag; undefined before `listen`. */
  get current(): Subscription | undefined {
    return this.subscription;
  }

  listen(callback: (error?: unknown) => void): void {
    const { bus, waitUntilReady = true, nowMs: _nowMs, onAssigned, ...options } = this.options;
    const topics = [...this.messageHandlers.keys()];
    if (topics.length === 0) {
      callback();
      return;
    }
    this.subscription = bus.subscribe({
      ...options,
      topics,
      handler: (batch) => this.handle(batch),
      onAssigned: async (topic, partition) => {
        // A new assignment may start before the point that an unfinished batch of the last one had reached.
        this.progress.delete(`${topic}/${partition}`);
        this.buried.delete(`${topic}/${partition}`);
        await onAssigned?.(topic, partition);
      },
    });
    if (waitUntilReady) this.subscription.ready.then(() => callback(), callback);
    else callback();
  }

  async close(): Promise<void> {
    await this.subscription?.close();
    this.subscription = undefined;
  }

  override on(event: string): never {
    throw new Error(`the event bus has no event "${event}"; use its subscription`);
  }

  override unwrap<T>(): T {
    return this.options.bus as T;
  }

  /** How far into the batch that is being repeated the handlers have come, by topic and partition. */
  private readonly progress = new Map<string, number>();
  /** The last malformed record of that batch that is among the dead letters already. */
  private readonly buried = new Map<string, number>();

  private async handle(batch: RecordBatch): Promise<void> {
    const handler = this.getHandlerByPattern(batch.topic);
    if (!handler) throw new Error(`nobody handles ${batch.topic}`);
    const { batch: decoded, malformed } = decodeBatch(batch);
    const place = `${batch.topic}/${batch.partition}`;
    await this.buryOnce(place, malformed);
    // A batch without a readable event still moves the position that its handler keeps.
    if (isBatchHandler(handler)) {
      await settle(handler(decoded, new EventContext([batch.records[0]!, batch])));
      this.buried.delete(place);
      return;
    }
    for (const received of decoded.events) {
      if (batch.isStale()) return;
      if (received.record.offset < (this.progress.get(place) ?? 0)) continue;
      await this.handleOne(handler, received, batch);
      this.progress.set(place, received.record.offset + 1);
    }
    this.progress.delete(place);
    this.buried.delete(place);
  }

  private async handleOne(
    handler: MessageHandler,
    { event, record }: ReceivedEvent<TopicName>,
    batch: RecordBatch,
  ): Promise<void> {
    try {
      await settle(handler(event, new EventContext([record, batch])));
    } catch (error) {
      if (!(error instanceof UnprocessableEventError)) throw error;
      await this.bury([{ record, reason: error.message }]);
    }
  }

  private async buryOnce(place: string, malformed: readonly MalformedRecord[]): Promise<void> {
    const last = malformed.at(-1);
    const done = this.buried.get(place) ?? -1;
    await this.bury(malformed.filter(({ record }) => record.offset > done));
    if (last) this.buried.set(place, last.record.offset);
  }

  private async bury(dead: readonly MalformedRecord[]): Promise<void> {
    if (dead.length === 0) return;
    const { bus, group, nowMs = Date.now } = this.options;
    await bus.publish(dead.map(({ record, reason }) => deadLetter(record, { reason, group, nowMs: nowMs() })));
  }
}

/** All methods of one topic are of one kind: Nest chains them into one handler. */
function isBatchHandler(handler: MessageHandler): boolean {
  return handler.extras?.[BATCH] === true;
}

async function settle(result: ReturnType<MessageHandler>): Promise<void> {
  const value: unknown = await result;
  if (isObservable(value)) await lastValueFrom(value, { defaultValue: undefined });
}
