import { decodeEvent, MalformedEventError, type TeststripEvent, type TopicName } from '#libs/contracts';
import type { IncomingRecord, RecordBatch } from '../event-bus.js';
import type { OrderTrust } from '../signing/order-trust.js';
import type { DeadLetters, DeadRecord } from './dead-letters.js';
import type { Middleware } from './handler.js';

/** One event with the record that carried it. */
export interface ReceivedEvent<T extends TopicName = TopicName> {
  readonly event: TeststripEvent<T>;
  readonly record: IncomingRecord;
}

/** The well-formed events of one batch of one partition, in order. */
export interface EventBatch<T extends TopicName = TopicName> {
  readonly topic: T;
  readonly partition: number;
  /** See `RecordBatch`. */
  readonly log: string;
  readonly events: readonly ReceivedEvent<T>[];
  /** The position after the whole batch, malformed records included. */
  readonly nextOffset: number;
  /** See `RecordBatch`. */
  heartbeat(handledTo?: number): Promise<void>;
  isStale(): boolean;
}

/**
 * Hands on the events of a batch; what is no event of its topic, or nobody's who may say it, goes to the dead letters first. What was dead and is published
 * again for another group is passed over.
 */
export function decode(deadLetters: DeadLetters, trust?: OrderTrust): Middleware<RecordBatch, EventBatch> {
  return (next) => async (batch) => {
    const ours = batch.records.filter((record) => deadLetters.isForUs(record));
    const { events, malformed } = decodeRecords(ours, trust, batch.isUnshared);
    await deadLetters.bury(malformed);
    // A batch without a readable event still moves the position that its handler keeps.
    await next({
      topic: batch.topic as TopicName,
      partition: batch.partition,
      log: batch.log,
      events,
      nextOffset: batch.nextOffset,
      heartbeat: (handledTo) => batch.heartbeat(handledTo),
      isStale: () => batch.isStale(),
    });
  };
}

/**
 * Separates well-formed events from malformed records.
 * @param trust says who may say what is obeyed; without it everybody may
 * @param isUnshared see `RecordBatch`
 */
export function decodeRecords(
  records: readonly IncomingRecord[],
  trust?: OrderTrust,
  isUnshared = false,
): {
  readonly events: readonly ReceivedEvent[];
  readonly malformed: readonly DeadRecord[];
} {
  const events: ReceivedEvent[] = [];
  const malformed: DeadRecord[] = [];
  for (const record of records) {
    const refusal = trust?.refusalOf(record);
    if (refusal !== undefined) {
      malformed.push({ record, reason: refusal });
      continue;
    }
    const decoded = isUnshared ? decodeOrReason(record) : decodeOnce(record);
    if (decoded instanceof MalformedEventError) malformed.push({ record, reason: decoded.message });
    else events.push({ event: decoded, record });
  }
  return { events, malformed };
}

/**
 * Several groups of one process get the same record objects from the memory and the Postgres carrier: each is parsed and checked
 * once. So events are shared between handlers and must not be changed by them.
 */
const decodedRecords = new WeakMap<IncomingRecord, TeststripEvent | MalformedEventError>();

function decodeOnce(record: IncomingRecord): TeststripEvent | MalformedEventError {
  const known = decodedRecords.get(record);
  if (known) return known;
  const decoded = decodeOrReason(record);
  decodedRecords.set(record, decoded);
  return decoded;
}

function decodeOrReason(record: IncomingRecord): TeststripEvent | MalformedEventError {
  try {
    return decodeEvent(record);
  } catch (error) {
    if (error instanceof MalformedEventError) return error;
    throw error;
  }
}
