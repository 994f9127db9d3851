import { createRequire } from 'node:module';
import type { Kafka } from 'kafkajs';
import { ClientCluster } from './client-cluster.js';

/** What is used of the client's inside: it speaks no version of the metadata request that tells topics' ids. */
interface Broker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  readonly connectionPool: { send(request: object): Promise<Metadata> };
  metadata(topics: readonly string[]): Promise<{ readonly clusterId: string | null }>;
}
interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readBoolean(): boolean;
  readUVarInt(): number;
  readUVarIntString(): string | null;
  readUVarIntArray<T>(reader: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
  readBytes(length: number): Buffer;
}
interface Encoder {
  writeUVarInt(value: number): Encoder;
  writeUVarIntString(value: string): Encoder;
  writeBoolean(value: boolean): Encoder;
  writeBuffer(value: Buffer): Encoder;
}

interface Metadata {
  readonly clusterId: string | null;
  readonly topicIds: ReadonlyMap<string, string>;
}

const require = createRequire(import.meta.url);
const METADATA = 3;
/** The first version with topics' ids; brokers from 2.8 on. */
const VERSION = 10;
const NO_ID = Buffer.alloc(16);

/** Names the logs of topics, see `RecordBatch.log`: by cluster and topic id, both of which are new when they are made anew. */
export class KafkaLogIds {
  private readonly client: ClientCluster<Broker>;

  constructor(kafka: Kafka) {
    this.client = new ClientCluster(kafka);
  }

  /** @throws what the client fails with when no broker answers */
  async of(topic: string): Promise<string> {
    const cluster = await this.client.connected();
    await cluster.refreshMetadataIfNecessary();
    const { clusterId, topicIds } = await metadataOf(await cluster.findControllerBroker(), topic);
    return ['kafka', clusterId ?? 'unnamed', topicIds.get(topic) ?? topic].join(':');
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

async function metadataOf(broker: Broker, topic: string): Promise<Metadata> {
  // An older one does not tell one topic from another of the same name.
  if ((broker.versions[METADATA]?.maxVersion ?? 0) < VERSION)
    return { ...(await broker.metadata([topic])), topicIds: new Map() };
  return broker.connectionPool.send({
    request: {
      apiKey: METADATA,
      apiVersion: VERSION,
      apiName: 'Metadata',
      encode: () => Promise.resolve(encodeRequest(topic)),
    },
    response: {
      decode: (bytes: Buffer) => Promise.resolve(decodeResponse(bytes)),
      parse: (metadata: Metadata) => Promise.resolve(metadata),
    },
  });
}

/** Metadata request (version 10): the header's tagged fields, topics => id name, no creation, no authorisations. */
function encodeRequest(topic: string): Encoder {
  const EncoderClass = require('kafkajs/src/protocol/encoder') as new () => Encoder;
  return new EncoderClass()
    .writeUVarInt(0)
    .writeUVarInt(2)
    .writeBuffer(NO_ID)
    .writeUVarIntString(topic)
    .writeUVarInt(0)
    .writeBoolean(false)
    .writeBoolean(false)
    .writeBoolean(false)
    .writeUVarInt(0);
}

/** Metadata response (version 10), up to the topics. Source: https://kafka.apache.org/protocol#The_Messages_Metadata */
function decodeResponse(bytes: Buffer): Metadata {
  const DecoderClass = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
  const decoder = new DecoderClass(bytes);
  decoder.readTaggedFields();
  // Throttled for.
  decoder.readInt32();
  decoder.readUVarIntArray((broker) => {
    broker.readInt32();
    broker.readUVarIntString();
    broker.readInt32();
    broker.readUVarIntString();
    broker.readTaggedFields();
  });
  const clusterId = decoder.readUVarIntString();
  // The controller.
  decoder.readInt32();
  const topics = decoder.readUVarIntArray(readTopic) ?? [];
  return { clusterId, topicIds: new Map(topics) };
}

function readTopic(decoder: Decoder): [string, string] {
  const error = decoder.readInt16();
  const name = decoder.readUVarIntString() ?? '';
  const id = decoder.readBytes(NO_ID.length).toString('hex');
  if (error !== 0) throw Object.assign(new Error(`topic ${name} has no metadata yet (${error})`), { retriable: true });
  decoder.readBoolean();
  decoder.readUVarIntArray(skipPartition);
  decoder.readInt32();
  decoder.readTaggedFields();
  return [name, id];
}

function skipPartition(decoder: Decoder): void {
  decoder.readInt16();
  for (let field = 0; field < 3; field += 1) decoder.readInt32();
  for (let list = 0; list < 3; list += 1) decoder.readUVarIntArray((replica) => replica.readInt32());
  decoder.readTaggedFields();
}
