export { createEventBus, type EventBusOptions } from './create-event-bus.js';
export { deadLetter, deadLetterHeaders, UnprocessableEventError } from './consume/dead-letter.js';
export { ensureTopics } from './ensure-topics.js';
export { decodeBatch, type EventBatch, type ReceivedEvent } from './consume/event-batch.js';
export * from './event-bus.js';
export { createEventPublisher, type EventDraft, type EventPublisher } from './publish/event-publisher.js';
export { NoKafkaError, startKafka, type RunningKafka, type StartKafkaOptions } from './carriers/kafka/start-kafka.js';
export { connectEventBus } from './nest/connect-event-bus.js';
export { EventBusStrategy, type EventBusStrategyOptions } from './nest/event-bus-strategy.js';
export { EventContext } from './nest/event-context.js';
export { BatchEventPattern } from './nest/patterns.js';
export {
  openBus,
  openBusAndDatabase,
  openConfiguredDatabase,
  type BusSettings,
  type OpenBus,
  type OpenBusAndDatabase,
} from './open-bus.js';
export { partitionOf } from './carriers/partitioner.js';
export { createReconnectingBus, type ReconnectingBus } from './reconnecting-bus.js';
