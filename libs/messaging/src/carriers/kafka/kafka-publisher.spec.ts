import { gzipSync } from 'node:zlib';
import {
  CompressionCodecs,
  CompressionTypes,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
  type Kafka,
} from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { KafkaPublisher } from './kafka-publisher.js';

const LARGEST = 1_000_000;

// What a client does when its broker is away, or refuses records, stands in for one here: a real one can't be made to do so on demand.
describe('publishing to Kafka', () => {
  it('connects again with the next publish after a connection that failed', async () => {
    let isAway = true;
    const publisher = publisherWith({
      connect: () => (isAway ? Promise.reject(new Error('ECONNREFUSED')) : Promise.resolve()),
    });
    await expect(publisher.publish([recordOf(10)])).rejects.toThrow('ECONNREFUSED');
    await expect(publisher.publish([recordOf(10)])).rejects.toThrow('ECONNREFUSED');
    isAway = false;
    await publisher.publish([recordOf(10)]);
    await publisher.close();
  });

  it('rejects only the caller whose records the broker refuses', async () => {
    const publisher = publisherWith({ connect: () => Promise.resolve() });
    const [mine, tooLarge, another] = await Promise.allSettled(
      [10, LARGEST + 1, 20].map((bytes) => publisher.publish([recordOf(bytes)])),
    );
    expect([mine!.status, another!.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(tooLarge).toMatchObject({ status: 'rejected', reason: { cause: { cause: { type: 'MESSAGE_TOO_LARGE' } } } });
    expect(tooLarge).toHaveProperty('reason.name', 'RecordRefusedError');
    await publisher.close();
  });

  it('sends what is more than a broker takes at once in several requests, in order', async () => {
    const sent: number[][] = [];
    const publisher = publisherWith({ connect: () => Promise.resolve(), onSent: (sizes) => sent.push(sizes) });
    const sizes = [300_000, 300_001, 299_000, 2, 899_000, 3];
    await publisher.publish(sizes.map(recordOf));
    expect(sent.flat()).toEqual(sizes);
    for (const request of sent) expect(request.reduce((sum, size) => sum + size, 0)).toBeLessThan(LARGEST);
    await publisher.close();
  });
});

it('packs what is worth it: many events, not one', async () => {
  const types: (number | undefined)[] = [];
  const publisher = publisherWith({ connect: () => Promise.resolve(), onCompression: (type) => types.push(type) });
  for (const bytes of [10, 100_000]) await publisher.publish([recordOf(bytes)]);
  expect(types).toEqual([CompressionTypes.None, CompressionTypes.GZIP]);
  await publisher.close();
});

it('packs with a codec that gives back what it was given, and unpacks what others have packed', async () => {
  const codec = CompressionCodecs[CompressionTypes.GZIP]();
  const buffer = Buffer.from('an event of many '.repeat(1_000));
  const packed = (await codec.compress({ buffer })) as Buffer;
  expect(packed.length).toBeLessThan(buffer.length / 20);
  expect(await codec.decompress(packed)).toEqual(buffer);
  expect(await codec.decompress(gzipSync(buffer, { level: 9 }))).toEqual(buffer);
});

interface SentBatch {
  readonly compression?: number;
  readonly topicMessages: readonly { readonly messages: readonly { readonly value: Buffer }[] }[];
}

interface Broker {
  readonly connect: () => Promise<void>;
  readonly onSent?: (sizes: number[]) => void;
  readonly onCompression?: (type: number | undefined) => void;
}

function publisherWith({ connect, onSent = () => undefined, onCompression }: Broker): KafkaPublisher {
  const sendBatch = ({ topicMessages, compression }: SentBatch): Promise<void> => {
    onCompression?.(compression);
    const sizes = topicMessages.flatMap(({ messages }) => messages.map(({ value }) => value.length));
    onSent(sizes);
    // A broker judges all records of a partition together.
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return bytes > LARGEST ? Promise.reject(tooLargeError()) : Promise.resolve();
  };
  const producer = { connect, sendBatch, disconnect: () => Promise.resolve() };
  return new KafkaPublisher({ producer: () => producer } as unknown as Kafka);
}

/** As the client throws it for the broker's code 10. */
function tooLargeError(): Error {
  const answer = new KafkaJSProtocolError('The request included a message larger than the max message size');
  const cause = Object.assign(answer, { type: 'MESSAGE_TOO_LARGE', code: 10, retriable: false });
  return Object.assign(new KafkaJSNonRetriableError(cause), { cause });
}

function recordOf(bytes: number): Parameters<KafkaPublisher['publish']>[0][number] {
  return { topic: 'work', key: 'a', headers: {}, value: Buffer.alloc(bytes) };
}
