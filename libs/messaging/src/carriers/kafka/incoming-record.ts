import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { IncomingRecord } from '../../event-bus.js';

type Headers = Record<string, Buffer>;

export function incomingRecord(topic: string, partition: number, message: KafkaMessage): IncomingRecord {
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key,
    headers: headersOf(message.headers ?? {}),
    value: message.value,
    timestampMs: Number(message.timestamp),
  };
}

/** The client's own object, as a rule: of headers that come once and have a value nothing is to be changed. */
function headersOf(sent: IHeaders): Headers {
  for (const name in sent) if (!Buffer.isBuffer(sent[name])) return lastOfEach(sent);
  return sent as Headers;
}

function lastOfEach(sent: IHeaders): Headers {
  const headers: Headers = {};
  for (const [name, value] of Object.entries(sent)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined && last !== null) headers[name] = Buffer.isBuffer(last) ? last : Buffer.from(last);
  }
  return headers;
}
