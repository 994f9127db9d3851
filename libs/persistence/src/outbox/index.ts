export { createOutbox, type Outbox } from './outbox.js';
export type { OutboxRecord } from './outbox-record.js';
export { startOutboxRelay, type OutboxRelay, type RecordPublisher, type RelayOptions } from './relay.js';
