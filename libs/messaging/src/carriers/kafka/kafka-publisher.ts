import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { gzip, unzip } from 'node:zlib';
import type { Kafka, Message, Producer } from 'kafkajs';
import { RecordRefusedError, type OutgoingRecord } from '../../event-bus.js';
import { partitionOf } from '../partitioner.js';

// Node finds no names in what the client exports this way.
const { CompressionCodecs, CompressionTypes } = createRequire(import.meta.url)('kafkajs') as typeof import('kafkajs');

const packed = promisify(gzip) as (bytes: Buffer, options: { readonly level: number }) => Promise<Buffer>;
const unpacked = promisify(unzip) as (bytes: Buffer) => Promise<Buffer>;

interface Waiting {
  readonly records: readonly OutgoingRecord[];
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Most bytes of one request. A broker takes 1,048,588 bytes of one partition at once by default (`message.max.bytes`), and a request may be all of
 * one partition.
 */
const MOST_BYTES = 900_000;
/** Requests from so many bytes on are packed with gzip: our events then take a tenth and less. For one or two it would cost more than it saves. */
const PACKED_FROM_BYTES = 4_096;
/** The fastest level: of 500 events it leaves 6 % in half the time in which the default leaves 5 %. */
const GZIP_LEVEL = 1;
/** What a record takes besides its key, value and headers. */
const BYTES_OF_A_RECORD = 64;

/** Publishes with an idempotent producer, one request at a time: what was handed over meanwhile goes along with the next one. */
export class KafkaPublisher {
  private readonly producer: Producer;
  private connected: Promise<void> | undefined;
  private waiting: Waiting[] = [];
  private sending: Promise<void> | undefined;

  constructor(kafka: Kafka) {
    this.producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ partitionMetadata, message }) =>
          message.key === null || message.key === undefined ? 0 : partitionOf(message.key, partitionMetadata.length),
    });
  }

  publish(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiting.push({ records, resolve, reject });
      this.sending ??= this.sendWhatWaits();
    });
  }

  async close(): Promise<void> {
    while (this.sending) await this.sending;
    if (this.connected) await this.producer.disconnect();
  }

  private async sendWhatWaits(): Promise<void> {
    // A turn of the event loop lets calls of the same moment share one request.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.connect();
        await this.send(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        if (batch.length > 1 && isRefusal(error)) await this.sendEachAlone(batch);
        else for (const { reject } of batch) reject(asRefusal(error));
      }
    }
    // Not a moment later: what is handed over from now on starts the next run.
    this.sending = undefined;
  }

  /** A connection that failed is tried again with the next publish. */
  private connect(): Promise<void> {
    this.connected ??= this.producer.connect().catch((error: unknown) => {
      this.connected = undefined;
      throw error;
    });
    return this.connected;
  }

  /** One caller's records that the broker refuses are no failure of the others'. */
  private async sendEachAlone(batch: readonly Waiting[]): Promise<void> {
    for (const waiting of batch) {
      await this.send([waiting]).then(waiting.resolve, (error: unknown) => waiting.reject(asRefusal(error)));
    }
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    for (const { records, bytes } of inRequests(batch.flatMap((waiting) => waiting.records))) {
      const compression = bytes < PACKED_FROM_BYTES ? CompressionTypes.None : CompressionTypes.GZIP;
      await this.producer.sendBatch({ topicMessages: byTopic(records), acks: -1, compression });
    }
  }
}

/** In place of the client's codec, which packs at the default level. */
const quickGzip = (): {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
} => ({
  compress: ({ buffer }) => packed(buffer, { level: GZIP_LEVEL }),
  decompress: (bytes) => unpacked(bytes),
});
CompressionCodecs[CompressionTypes.GZIP] = quickGzip;

/** The broker has judged the records and won't take them (too large, a topic that is not there): trying again changes nothing. */
function isRefusal(error: unknown): boolean {
  // The client wraps the broker's answer; what it gave up after many attempts has a cause that could have been tried again.
  const { cause = error } = error as { readonly cause?: unknown };
  const { type, retriable } = cause as { readonly type?: string; readonly retriable?: boolean };
  return type !== undefined && retriable === false;
}

function asRefusal(error: unknown): unknown {
  if (!isRefusal(error)) return error;
  return new RecordRefusedError(`Kafka does not take a record: ${(error as Error).message}`, { cause: error });
}

interface ProduceRequest {
  readonly records: OutgoingRecord[];
  bytes: number;
}

/** In their order; one that is larger by itself than a request may be goes alone, and the broker judges it. */
function inRequests(records: readonly OutgoingRecord[]): readonly ProduceRequest[] {
  const requests: ProduceRequest[] = [];
  let request: ProduceRequest | undefined;
  for (const record of records) {
    const bytes = sizeOf(record);
    if (!request || request.bytes + bytes > MOST_BYTES) requests.push((request = { records: [], bytes: 0 }));
    request.records.push(record);
    request.bytes += bytes;
  }
  return requests;
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  const told = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + bytesOf(text), 0);
  return BYTES_OF_A_RECORD + bytesOf(key) + bytesOf(value) + told;
}

function bytesOf(text: string | Buffer | null): number {
  return text === null ? 0 : Buffer.byteLength(text);
}

function byTopic(records: readonly OutgoingRecord[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, key, value, headers } of records) {
    const messages = topics.get(topic) ?? [];
    messages.push({ key, value, headers: { ...headers } });
    topics.set(topic, messages);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
