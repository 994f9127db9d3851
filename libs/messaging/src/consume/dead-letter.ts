import { deadLetterTopic } from '#libs/contracts';
import type { IncomingRecord, OutgoingRecord } from '../event-bus.js';

/** Headers that a dead letter carries in addition to those of the message. */
export const deadLetterHeaders = {
  reason: 'dead-reason',
  topic: 'dead-topic',
  partition: 'dead-partition',
  offset: 'dead-offset',
  group: 'dead-group',
  time: 'dead-time',
} as const;

/** Thrown by a handler for an event that it can never process: the event goes to the dead letters and the partition moves on. */
export class UnprocessableEventError extends Error {
  override readonly name = 'UnprocessableEventError';
}

/**
 * The dead letter of a message: key, value and headers byte for byte, and in further headers why, from where and by which group.
 * @param nowMs when it was given up, milliseconds since the epoch
 */
export function deadLetter(
  record: IncomingRecord,
  why: { readonly reason: string; readonly group: string; readonly nowMs: number },
): OutgoingRecord {
  return {
    topic: deadLetterTopic(record.topic),
    key: record.key,
    value: record.value,
    headers: {
      ...presentHeaders(record.headers),
      [deadLetterHeaders.reason]: why.reason,
      [deadLetterHeaders.topic]: record.topic,
      [deadLetterHeaders.partition]: String(record.partition),
      [deadLetterHeaders.offset]: String(record.offset),
      [deadLetterHeaders.group]: why.group,
      [deadLetterHeaders.time]: new Date(why.nowMs).toISOString(),
    },
  };
}

function presentHeaders(headers: IncomingRecord['headers']): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, Buffer] => entry[1] !== undefined),
  );
}
