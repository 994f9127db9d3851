import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { consumeEvents, type ConsumerOptions, type TopicHandler } from '../consume/consumer.js';
import type { EventBus, Subscription } from '../event-bus.js';
import { EventContext } from './event-context.js';
import { BATCH } from './patterns.js';

export interface EventBusStrategyOptions extends Omit<ConsumerOptions, 'bus' | 'handlers'> {
  readonly bus: EventBus;
  /** Resolve `listen` only when the first partitions are assigned. Default true. */
  readonly waitUntilReady?: boolean;
}

/**
 * Makes consumers out of controllers: the topics are those of their `@EventPattern` and `@BatchEventPattern` methods, one group for all.
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
 * How records become events, what happens to malformed ones and to events that can't be handled: see `consumeEvents`. Events are shared
 * between handlers: don't change them.
 */
export class EventBusStrategy extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private subscription: Subscription | undefined;

  constructor(private readonly options: EventBusStrategyOptions) {
    super();
  }

  /** The running subscription, for back-pressure, lag and health; undefined before `listen`. */
  get current(): Subscription | undefined {
    return this.subscription;
  }

  listen(callback: (error?: unknown) => void): void {
    const { waitUntilReady = true, ...options } = this.options;
    if (this.messageHandlers.size === 0) {
      callback();
      return;
    }
    const handlers = new Map([...this.messageHandlers].map(([topic, handler]) => [topic, topicHandlerOf(handler)]));
    this.subscription = consumeEvents({ ...options, handlers });
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
}

/** All methods of one topic are of one kind: Nest chains them into one handler. */
function topicHandlerOf(handler: MessageHandler): TopicHandler {
  if (handler.extras?.[BATCH] === true) {
    return {
      takes: 'batch',
      handle: (batch) => settle(handler(batch, new EventContext([batch.events[0]?.record, batch]))),
    };
  }
  return {
    takes: 'event',
    handle: ({ event, record }, batch) => settle(handler(event, new EventContext([record, batch]))),
  };
}

async function settle(result: ReturnType<MessageHandler>): Promise<void> {
  const value: unknown = await result;
  if (isObservable(value)) await lastValueFrom(value, { defaultValue: undefined });
}
