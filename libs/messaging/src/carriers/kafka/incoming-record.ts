import type { KafkaMessage } from 'kafkajs';
import type { IncomingRecord } from '../../event-bus.js';

export function incomingRecord(topic: string, partition: number, message: KafkaMessage): IncomingRecord {
  const headers: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) headers[name] = Buffer.isBuffer(last) ? last : Buffer.from(last);
  }
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key,
    headers,
    value: message.value,
    timestampMs: Number(message.timestamp),
  };
}
