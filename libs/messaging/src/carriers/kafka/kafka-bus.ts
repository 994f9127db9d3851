import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { rootOf } from '#libs/platform';
import { UnknownTopicError, type EventBus, type IncomingRecord, type TopicSettings } from '../../event-bus.js';
import { latestPerKey } from '../latest-per-key.js';
import { KafkaRefusedError, knock } from './broker-door.js';
import { clientLog } from './client-log.js';
import { incomingRecord } from './incoming-record.js';
import type { KafkaSecurity } from './kafka-security.js';
import { KafkaLogIds } from './log-ids.js';
import { KafkaPublisher } from './kafka-publisher.js';
import { KafkaSubscription } from './kafka-subscription.js';
import { quickenDecoding } from './quick-decoding.js';
import { quietIdleTimers } from './quiet-timers.js';
import { retryTransient } from './retry-transient.js';
import { topicEnds } from './topic-ends.js';
import { topicConfig, topicReplicas, type TopicDurability } from './topic-durability.js';

export interface KafkaBusOptions {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Default: brokers are spoken to openly, as anybody. */
  readonly security?: KafkaSecurity;
  /** What topics are created with. */
  readonly durability?: TopicDurability;
  /** Silence after which a member's partitions go to others. Default 7 000: with what a rebalance takes, they go on within ten seconds. */
  readonly sessionTimeoutMs?: number;
  /** A consumer died in a way that kafkajs does not mend. Default: says so and ends the process, which is then restarted. */
  readonly onCrash?: (error: Error) => void;
}

/**
 * The bus on Apache Kafka, by kafkajs. Resolves when the brokers answered.
 * @throws KafkaRefusedError where they answer and will not have us; what the client fails with where they are away
 */
export async function createKafkaBus(options: KafkaBusOptions): Promise<EventBus> {
  quietIdleTimers();
  quickenDecoding();
  const { ready, ...security } = options.security ?? {};
  await ready?.();
  await knock(options.brokers, security);
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...security,
    logLevel: logLevel.INFO,
    logCreator: clientLog,
    connectionTimeout: 5_000,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 2_000 },
  });
  const admin = kafka.admin();
  await admin.connect().catch(async (error: unknown) => {
    await admin.disconnect().catch(() => undefined);
    throw signInRefusal(error, options) ?? error;
  });
  return new KafkaBus(kafka, admin, options);
}

const SIGN_IN_REFUSED: ReadonlySet<string> = new Set(['KafkaJSSASLAuthenticationError', 'KafkaTokenRefusedError']);

/** undefined: it failed with something else. */
function signInRefusal(error: unknown, { brokers, security }: KafkaBusOptions): KafkaRefusedError | undefined {
  if (!SIGN_IN_REFUSED.has(rootOf(error).name)) return undefined;
  const isByToken = security?.sasl?.mechanism === 'oauthbearer';
  const what = isByToken
    ? 'does not take the token in KAFKA_SASL_TOKEN_FILE: have one issued for this broker (its issuer, audience and signature have to be those that it expects)'
    : 'knows no such name with this password: look at KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD_FILE and KAFKA_SASL, and whether the broker has the account';
  return new KafkaRefusedError(`Kafka at ${brokers.join(',')} ${what} (${rootOf(error).message})`, { cause: error });
}

const logger = new Logger('kafka');

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
    if (missing.length > 0) await this.createMissing(missing);
    for (const { name } of topics) this.known.add(name);
  }

  private async createMissing(missing: readonly TopicSettings[]): Promise<void> {
    const { durability = {} } = this.options;
    const { brokers } = await this.admin.describeCluster();
    const replicas = topicReplicas(durability, brokers.length);
    // False: somebody else created some of them at the same time, which is as good. The client fails where a broker has not heard of them yet.
    await retryTransient(() =>
      this.admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({
          topic: topic.name,
          numPartitions: topic.partitions,
          replicationFactor: replicas.copies,
          configEntries: topicConfig(topic, replicas, durability),
        })),
      }),
    );
    if (replicas.copies === 1)
      logger.warn(
        'the topics were created with one copy of each event, which is lost with its broker: in production have three brokers',
      );
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
  logger.error(`a consumer died and kafkajs does not restart it: ${error.stack ?? error.message}`);
  process.exit(1);
}
