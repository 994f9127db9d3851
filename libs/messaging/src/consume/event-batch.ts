import { decodeEvent, MalformedEventError, type TeststripEvent, type TopicName } from '#libs/contracts';
import type { IncomingRecord, RecordBatch } from '../event-bus.js';

/** One event with the record that carried it. */
export interface ReceivedEvent<T extends TopicName = TopicName> {
  readonly event: TeststripEvent<T>;
  readonly record: IncomingRecord;
}

/** The well-formed events of one batch of one partition, in order. */
export interface EventBatch<T extends TopicName = TopicName> {
  readonly topic: T;
  readonly partition: number;
  readonly events: readonly ReceivedEvent<T>[];
  /** All records, those without a readable event included. */
  readonly records: readonly IncomingRecord[];
  /** The position after the whole batch, malformed records included. */
  readonly nextOffset: number;
  heartbeat(): Promise<void>;
  isStale(): boolean;
}

export interface MalformedRecord {
  readonly record: IncomingRecord;
  readonly reason: string;
}

/** Tells events from what is none. */
export function decodeBatch(batch: RecordBatch): { readonly batch: EventBatch; readonly malformed: MalformedRecord[] } {
  const events: ReceivedEvent[] = [];
  const malformed: MalformedRecord[] = [];
  for (const record of batch.records) {
    const decoded = decodeOnce(record);
    if (decoded instanceof MalformedEventError) malformed.push({ record, reason: decoded.message });
    else events.push({ event: decoded, record });
  }
  const { topic, partition, records, nextOffset } = batch;
  return {
    batch: {
      topic: topic as TopicName,
      partition,
      events,
      records,
      nextOffset,
      heartbeat: () => batch.heartbeat(),
      isStale: () => batch.isStale(),
    },
    malformed,
  };
}

/**
 * Several groups of one process get the same record objects from the memory and the Postgres carrier: each is parsed and checked
 * once. So events are shared between handlers and must not be changed by them.
 */
const decodedRecords = new WeakMap<IncomingRecord, TeststripEvent | MalformedEventError>();

function decodeOnce(record: IncomingRecord): TeststripEvent | MalformedEventError {
  const known = decodedRecords.get(record);
  if (known) return known;
  const decoded = decode(record);
  decodedRecords.set(record, decoded);
  return decoded;
}

function decode(record: IncomingRecord): TeststripEvent | MalformedEventError {
  try {
    return decodeEvent(record);
  } catch (error) {
    if (error instanceof MalformedEventError) return error;
    throw error;
  }
}
