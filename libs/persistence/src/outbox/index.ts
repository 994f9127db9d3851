export { createOutbox, type Outbox } from './outbox.js';
export type { OutboxRecord } from './outbox-record.js';
export type { RecordPublisher } from './publish-batch.js';
export { startOutboxRelay, type OutboxRelay, type RelayOptions } from './relay.js';
