export { createEventBus, type EventBusOptions } from './create-event-bus.js';
export { consumeEvents, type ConsumerOptions, type TopicHandler } from './consume/consumer.js';
export { deadLetter, deadLetterHeaders, DeadLetters, UnprocessableEventError } from './consume/dead-letters.js';
export { readDeadLetters, redriveDeadLetters, whyNotRedriven, type DeadLetter } from './consume/dead-letter-box.js';
export { ensureTopics, unitPartitions } from './ensure-topics.js';
export { Gathering } from './gathering.js';
export { type EventBatch, type ReceivedEvent } from './consume/decode.js';
export { LogFollower, type LogFollowerOptions } from './consume/log-follower.js';
export * from './event-bus.js';
export { createEventPublisher, type EventPublisher, type NewEvent } from './publish/event-publisher.js';
export {
  NoKafkaError,
  startKafka,
  type KafkaListener,
  type RunningKafka,
  type StartKafkaOptions,
} from './carriers/kafka/start-kafka.js';
export { connectEventBus } from './nest/connect-event-bus.js';
export { EventBusStrategy, type EventBusStrategyOptions } from './nest/event-bus-strategy.js';
export { EventContext } from './nest/event-context.js';
export { BatchEventPattern } from './nest/patterns.js';
export {
  busVariables,
  openBus,
  openBusAsItIs,
  openConfiguredDatabase,
  type BusSettings,
  type OpenBus,
} from './open-bus.js';
export { partitionOf } from './carriers/partitioner.js';
export { createReconnectingBus, type ReconnectingBus } from './reconnecting-bus.js';
export { needsBus, needsReconnectingBus } from './needs-bus.js';
export { needsOrderSigner, needsOrderTrust } from './signing/needs-signing.js';
export { nobodySigns, type OrderSigner } from './signing/order-signer.js';
export { type OrderTrust } from './signing/order-trust.js';
