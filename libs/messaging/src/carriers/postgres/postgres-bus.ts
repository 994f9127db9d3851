import { Logger } from '@nestjs/common';
import { migrate, type Database } from '#libs/persistence';
import type {
  EventBus,
  IncomingRecord,
  KeptPosition,
  PositionMismatchError,
  Subscription,
  SubscriptionOptions,
} from '../../event-bus.js';
import { latestPerKey } from '../latest-per-key.js';
import { PartitionConsumer } from '../partition-consumer.js';
import { startingOffset } from '../starting-offset.js';
import { APPENDED_CHANNEL } from './append-notices.js';
import { MOST_PER_FETCH } from './fetch-queue.js';
import { fetchRecords } from './fetch-records.js';
import { GroupCoordinator, MEMBERS_CHANNEL } from './group-coordinator.js';
import { committedPositions, groupIdsOf } from './group-positions.js';
import { GroupMember, type GroupShare, type HeldPartition } from './group-member.js';
import { logIdOf } from './log-id.js';
import { maintain, takeMaintenanceTurn } from './maintenance.js';
import { PartitionLogs, logKey } from './partition-logs.js';
import { PositionCommitter } from './position-committer.js';
import { PublishQueue } from './publish-queue.js';
import { prepareSegments } from './segments.js';
import { TopicCatalogue } from './topic-catalogue.js';

export interface PostgresBusOptions {
  /** Stays open when the bus closes. */
  readonly database: Database;
  /** Least time between two commits of published records. Default 5. */
  readonly flushEveryMs?: number;
  /** The same for records of bulk topics. Default 100: ten commits a second, however many small requests there are. */
  readonly flushBulkEveryMs?: number;
  /** Topics whose records are many and may wait for company; an order never waits behind them. Default: none. */
  readonly bulkTopics?: ReadonlySet<string>;
  /** How often consumed positions are written down. Default 250. */
  readonly commitEveryMs?: number;
  /** How often to look for members that died and for records whose notification was lost. Default 1000. */
  readonly checkEveryMs?: number;
  /** How long a member may hang, its process stopped for example, before the others take its partitions. Default 7000. */
  readonly hungAfterMs?: number;
  /** Age after which records of topics that are not compacted are deleted, if every group that comes back has read them. Default 7 days. */
  readonly retentionMs?: number;
  /** Age after which they are deleted though some group has not read them, which is said. Default 30 days. */
  readonly unreadRetentionMs?: number;
  /** How often to compact and to delete. Default 60 000; 0 switches it off. */
  readonly maintainEveryMs?: number;
}

/** The bus, and what only this carrier can. */
export interface PostgresBus extends EventBus {
  /** Compacts and deletes now. @returns deleted records */
  maintain(): Promise<number>;
}

/** A partition that begins, and where. */
interface PlacedShare extends GroupShare {
  readonly position: number;
  /** The offset of the next record of all. */
  readonly high: number;
}

const DAY_MS = 86_400_000;

/**
 * The bus as an append-only log in Postgres. Offsets are drawn under the partition's row lock; members hold partitions by advisory
 * lock; LISTEN/NOTIFY wakes readers in other processes, readers in this one are woken directly.
 * Takes two connections of its own (locks, LISTEN) and shares the pool for the rest.
 */
export async function createPostgresBus(options: PostgresBusOptions): Promise<PostgresBus> {
  await migrate(options.database);
  const bus = new PostgresBusCore(options);
  await bus.open();
  return {
    carrier: 'postgres',
    createTopics: (topics) => bus.topics.create(topics),
    partitionsOf: async (topic) => (await bus.topics.topic(topic)).partitions,
    publish: (records) => bus.queue.publish(records),
    subscribe: (subscription) => bus.subscribe(subscription),
    readAll: (topic) => bus.readAll(topic),
    ping: async () => {
      await options.database.query('SELECT 1');
    },
    maintain: () => bus.maintain(),
    close: () => bus.close(),
  };
}

class PostgresBusCore {
  readonly topics: TopicCatalogue;
  readonly queue: PublishQueue;
  private readonly logger = new Logger('event-bus');
  private readonly database: Database;
  private readonly committer: PositionCommitter;
  private readonly coordinator: GroupCoordinator;
  private readonly logs: PartitionLogs;
  private readonly stopListening: (() => Promise<void>)[] = [];
  private readonly timers: NodeJS.Timeout[] = [];
  private closing: Promise<void> | undefined;
  private isMaintaining = false;
  /** Set by `open`. */
  private log = '';

  constructor(private readonly options: PostgresBusOptions) {
    this.database = options.database;
    this.topics = new TopicCatalogue(this.database);
    this.logs = new PartitionLogs(this.database, this.topics, () => this.queue.sender);
    this.committer = new PositionCommitter(this.database, options.commitEveryMs ?? 250);
    const { flushEveryMs = 5, flushBulkEveryMs = 100, bulkTopics = new Set<string>() } = options;
    const pace = { flushEveryMs, flushBulkEveryMs, isBulk: (topic: string) => bulkTopics.has(topic) };
    this.queue = new PublishQueue(this.database, this.topics, pace, (records) => this.logs.appended(records));
    this.coordinator = new GroupCoordinator(
      this.database,
      {
        start: (member, shares) => this.start(member, shares),
        finish: (held) => this.finish(held),
        lose: (held) => this.lose(held),
      },
      options.checkEveryMs ?? 1_000,
      options.hungAfterMs ?? 7_000,
    );
  }

  async open(): Promise<void> {
    this.log = await logIdOf(this.database);
    await prepareSegments(this.database);
    this.stopListening.push(
      await this.database.listen(APPENDED_CHANNEL, (payload) => this.logs.heard(payload)),
      await this.database.listen(MEMBERS_CHANNEL, () => this.coordinator.look()),
    );
    const { checkEveryMs = 1_000, maintainEveryMs = 60_000 } = this.options;
    this.timers.push(setInterval(() => this.logs.refreshEnds(), checkEveryMs).unref());
    if (maintainEveryMs > 0) {
      const run = (): void => {
        this.maintainInTurn(maintainEveryMs).catch((error: Error) =>
          this.logger.warn(`maintenance of the bus failed: ${error.message}`),
        );
      };
      this.timers.push(setInterval(run, maintainEveryMs).unref());
    }
  }

  subscribe(options: SubscriptionOptions): Subscription {
    const member = new GroupMember(options);
    this.join(member).catch((error) => member.neverReady(error));
    return {
      ready: member.ready,
      pause: () => {
        member.paused = true;
        for (const { consumer } of member.held.values()) consumer.pause();
      },
      resume: () => {
        member.paused = false;
        for (const { consumer } of member.held.values()) consumer.resume();
      },
      lag: () => this.lagOf(member),
      health: () => member.attempts.health(member.held.size, this.logs.silentForMs),
      close: () => this.coordinator.leave(member),
    };
  }

  async readAll(name: string): Promise<readonly IncomingRecord[]> {
    const topic = await this.topics.topic(name);
    const ends = await this.logs.ends([topic.topicId]);
    const records: IncomingRecord[] = [];
    for (let partition = 0; partition < topic.partitions; partition++) {
      const end = ends.get(logKey(topic, partition)) ?? 0;
      for (let fromOffset = 0; fromOffset < end;) {
        const request = { topic: name, topicId: topic.topicId, partition, fromOffset };
        const [found] = await fetchRecords(this.database, [request], MOST_PER_FETCH);
        if (found!.length === 0) break;
        records.push(...found!.filter((record) => record.offset < end));
        fromOffset = found!.at(-1)!.offset + 1;
      }
    }
    return topic.compacted ? latestPerKey(records) : records;
  }

  /** One process does it in each period, for all. */
  private async maintainInTurn(everyMs: number): Promise<void> {
    if (this.isMaintaining) return;
    this.isMaintaining = true;
    try {
      if (await takeMaintenanceTurn(this.database, everyMs)) await this.maintain();
    } finally {
      this.isMaintaining = false;
    }
  }

  async maintain(): Promise<number> {
    const { retentionMs: readMs = 7 * DAY_MS, unreadRetentionMs: unreadMs = Math.max(readMs, 30 * DAY_MS) } =
      this.options;
    const { records, unread } = await maintain(this.database, { readMs, unreadMs }, Date.now());
    for (const [reader, count] of unread)
      this.logger.error(
        `${count} records were deleted after ${unreadMs / DAY_MS} days though a group had not read them: ${reader}`,
      );
    return records;
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    await this.queue.drain();
    await this.coordinator.close();
    await this.committer.flush().catch(() => undefined);
    await Promise.all(this.stopListening.map((stop) => stop()));
  }

  private async join(member: GroupMember): Promise<void> {
    const { group, topics, isLasting = true } = member.options;
    const stored = await Promise.all([...new Set(topics)].map((name) => this.topics.topic(name)));
    const groupIds = await groupIdsOf(this.database, { name: group, isLasting }, stored);
    member.topics = stored.map((topic) => ({ topic, groupId: groupIds.get(topic.topicId)! }));
    if (!member.leaving) this.coordinator.join(member);
  }

  /** Partitions whose position is none of this log are not started. */
  private async start(member: GroupMember, shares: readonly GroupShare[]): Promise<HeldPartition[]> {
    const { options } = member;
    const placed = await this.place(member, shares);
    for (const { topic, partition } of placed) await options.onAssigned?.(topic.name, partition);
    return placed.map(({ topic, groupId, partition, position, high }): HeldPartition => {
      // Where `latest` was is written down, so that a later member does not start after records that nobody has seen.
      if (!options.positionOf) this.committer.mark({ groupId, partition, nextOffset: position });
      const log = this.logs.use(topic, partition);
      log.advance(high);
      const consumer = new PartitionConsumer({
        topic: topic.name,
        partition,
        log: this.log,
        position,
        source: log,
        handler: options.handler,
        maxBatchSize: options.maxBatchSize ?? 500,
        lingerMs: options.lingerMs ?? 0,
        onProgress: (nextOffset) => this.committer.mark({ groupId, partition, nextOffset }),
        attempts: member.attempts,
      });
      if (member.paused) consumer.pause();
      return { topic, groupId, partition, consumer };
    });
  }

  /** Where each partition starts. What is read of the log is younger than the positions, which therefore lie within it. */
  private async place(member: GroupMember, shares: readonly GroupShare[]): Promise<readonly PlacedShare[]> {
    const { options: subscription } = member;
    const { positionOf } = subscription;
    const kept: (KeptPosition | number | undefined)[] = [];
    if (positionOf) for (const { topic, partition } of shares) kept.push(await positionOf(topic.name, partition));
    else {
      const committed = await committedPositions(this.database, shares);
      kept.push(...shares.map(({ groupId, partition }) => committed.get(`${groupId}:${partition}`)));
    }
    const extents = await this.logs.extents([...new Set(shares.map((share) => share.topic.topicId))]);
    return shares.flatMap((share, index): PlacedShare[] => {
      const { topic, partition } = share;
      const { low, high } = extents.get(logKey(topic, partition)) ?? { low: 0, high: 0 };
      const place = { subscription, topic: topic.name, partition };
      try {
        const position = startingOffset(kept[index], { log: this.log, low, high }, place);
        return [{ ...share, position, high }];
      } catch (error) {
        member.refuse(share, error as PositionMismatchError);
        return [];
      }
    });
  }

  private async finish(held: HeldPartition): Promise<void> {
    await this.committer.flush().catch(() => undefined);
    this.lose(held);
  }

  private lose(held: HeldPartition): void {
    this.committer.drop(held.groupId, held.partition);
    this.logs.release(held.topic, held.partition);
  }

  private async lagOf(member: GroupMember): Promise<Record<string, number>> {
    const lag = Object.fromEntries(member.options.topics.map((topic) => [topic, 0]));
    const ends = await this.logs.ends(member.topics.map(({ topic }) => topic.topicId));
    for (const { topic, partition, consumer } of member.held.values()) {
      const end = ends.get(logKey(topic, partition)) ?? 0;
      lag[topic.name] = (lag[topic.name] ?? 0) + Math.max(0, end - consumer.position);
    }
    return lag;
  }
}
