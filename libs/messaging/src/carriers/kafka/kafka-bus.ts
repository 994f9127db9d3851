import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { UnknownTopicError, type EventBus, type IncomingRecord, type TopicSettings } from '../../event-bus.js';
import { latestPerKey } from '../latest-per-key.js';
import { clientLog } from './client-log.js';
import { incomingRecord } from './incoming-record.js';
import { KafkaLogIds } from './log-ids.js';
import { KafkaPublisher } from './kafka-publisher.js';
import { KafkaSubscription } from './kafka-subscription.js';
import { quietIdleTimers } from './quiet-timers.js';
import { retryTransient } from './retry-transient.js';
import { topicEnds } from './topic-ends.js';

export interface KafkaBusOptions {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Silence after which a member's partitions go to others. Default 7 000: with what a rebalance takes, they go on within ten seconds. */
  readonly sessionTimeoutMs?: number;
  /** A consumer died in a way that kafkajs does not mend. Default: says so and ends the process, which is then restarted. */
  readonly onCrash?: (error: Error) => void;
}

/** The bus on Apache Kafka, by kafkajs. Resolves when the brokers answered. */
export async function createKafkaBus(options: KafkaBusOptions): Promise<EventBus> {
  quietIdleTimers();
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    logLevel: logLevel.INFO,
    logCreator: clientLog,
    connectionTimeout: 5_000,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 2_000 },
  });
  const admin = kafka.admin();
  await admin.connect();
  return new KafkaBus(kafka, admin, options);
}

class KafkaBus implements EventBus {
  readonly carrier = 'kafka';
  private readonly publisher: KafkaPublisher;
  private readonly subscriptions = new Set<KafkaSubscription>();
  private readonly logIds: KafkaLogIds;
  private known = new Set<string>();
  private closing: Promise<void> | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly options: KafkaBusOptions,
  ) {
    this.publisher = new KafkaPublisher(kafka);
    this.logIds = new KafkaLogIds(kafka);
  }

  async createTopics(topics: readonly TopicSettings[]): Promise<void> {
    const existing = new Set(await this.admin.listTopics());
    const missing = topics.filter(({ name }) => !existing.has(name));
    if (missing.length > 0) {
      // False: somebody else created some of them at the same time, which is as good.
      await this.admin.createTopics({
        waitForLeaders: true,
        topics: missing.map(({ name, partitions, compacted }) => ({
          topic: name,
          numPartitions: partitions,
          replicationFactor: -1,
          configEntries: [
            // The broker's clock, not that of whoever publishes.
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
            // The broker packs anew what others have packed with LZ4, Snappy or Zstandard, which the client can't unpack: one such batch would end every reader.
            { name: 'compression.type', value: 'gzip' },
            ...(compacted ? [{ name: 'cleanup.policy', value: 'compact' }] : []),
          ],
        })),
      });
    }
    for (const { name } of topics) this.known.add(name);
  }

  async partitionsOf(topic: string): Promise<number> {
    await this.assertKnown(new Set([topic]));
    const { topics } = await retryTransient(() => this.admin.fetchTopicMetadata({ topics: [topic] }));
    return topics[0]!.partitions.length;
  }

  async publish(records: Parameters<EventBus['publish']>[0]): Promise<void> {
    if (this.closing) throw new Error('the bus is closed');
    const topics = new Set(records.map(({ topic }) => topic));
    await this.assertKnown(topics);
    await this.publisher.publish(records);
  }

  subscribe(subscription: Parameters<EventBus['subscribe']>[0]): KafkaSubscription {
    const member = new KafkaSubscription(this.kafka, this.admin, subscription, {
      sessionTimeoutMs: this.options.sessionTimeoutMs ?? 7_000,
      logIds: this.logIds,
      onCrash: this.options.onCrash ?? endProcess,
    });
    this.subscriptions.add(member);
    return member;
  }

  async readAll(topic: string): Promise<readonly IncomingRecord[]> {
    await this.assertKnown(new Set([topic]));
    const ends = await topicEnds(this.admin, topic);
    const missing = new Map(
      ends
        .filter(({ low, high }) => Number(high) > Number(low))
        .map(({ partition, high }) => [partition, Number(high)]),
    );
    const records: IncomingRecord[] = [];
    if (missing.size > 0) await this.readUntil(topic, missing, records);
    const { resources } = await this.admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['cleanup.policy'] }],
    });
    const compacted = resources[0]?.configEntries.some(({ configValue }) => configValue.includes('compact')) ?? false;
    records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
    return compacted ? latestPerKey(records) : records;
  }

  async ping(): Promise<void> {
    await this.admin.describeCluster();
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await Promise.all([...this.subscriptions].map((member) => member.close()));
    await Promise.all([this.publisher.close(), this.logIds.close()]);
    await this.admin.disconnect();
  }

  /** Reads outside every group that matters: in one of its own, which is deleted afterwards. */
  private async readUntil(topic: string, missing: Map<number, number>, records: IncomingRecord[]): Promise<void> {
    const groupId = `read-${randomUUID()}`;
    const consumer = this.kafka.consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on('consumer.crash', ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            const end = missing.get(batch.partition);
            if (end === undefined) return;
            records.push(
              ...batch.messages
                .map((message) => incomingRecord(topic, batch.partition, message))
                .filter(({ offset }) => offset < end),
            );
            // lastOffset counts what compaction removed as well.
            if (Number(batch.lastOffset()) >= end - 1) missing.delete(batch.partition);
            if (missing.size === 0) resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    await this.admin.deleteGroups([groupId]).catch(() => undefined);
  }

  private async assertKnown(topics: ReadonlySet<string>): Promise<void> {
    const unknown = [...topics].filter((topic) => !this.known.has(topic));
    if (unknown.length === 0) return;
    this.known = new Set(await this.admin.listTopics());
    const missing = unknown.find((topic) => !this.known.has(topic));
    if (missing !== undefined) throw new UnknownTopicError(missing);
  }
}

function endProcess(error: Error): never {
  new Logger('kafka').error(`a consumer died and kafkajs does not restart it: ${error.stack ?? error.message}`);
  process.exit(1);
}
