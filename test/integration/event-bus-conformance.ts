import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { resolve as resolvePath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  deadLetter,
  deadLetterHeaders,
  partitionOf,
  PartlyHandledError,
  UnknownTopicError,
  type EventBus,
  type IncomingRecord,
  type OutgoingRecord,
  type RecordBatch,
  type SubscriptionOptions,
  type Subscription,
} from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { createPositions } from '#libs/persistence/positions';
import { withDatabase, type TestDatabase } from '#libs/testing/database';
import { createFactTables, factsOf, positionOfFacts, rememberFacts } from './event-bus-facts.js';
import type { MemberSettings } from './event-bus-member.js';

export interface BusFixture {
  /** Another bus over the same carrier, as another process would open it. In memory: the same one. */
  newBus(): Promise<EventBus>;
  /** How a process of its own opens the bus; undefined where nothing can outlive this one. */
  readonly memberBus?: MemberSettings['bus'];
  close(): Promise<void>;
}

const PARTITIONS = 4;
const patiently = { timeout: 20_000, interval: 20 };
/** Its start alone takes half a minute where many others have the processor. */
const inAnotherProcess = { timeout: 60_000, interval: 50 };
const ANOTHER_PROCESS = { timeout: 120_000 };

/** What every carrier of the bus has to do. */
export function describeEventBus(name: string, open: () => Promise<BusFixture>): void {
  describe(`event bus: ${name}`, () => {
    // Long because it is one list of behaviours, each a test that is read by itself.
    let fixture: BusFixture;
    let bus: EventBus;
    beforeAll(async () => {
      fixture = await open();
      bus = await fixture.newBus();
    }, 90_000);
    afterAll(async () => {
      await bus?.close();
      await fixture?.close();
    });

    const newTopic = async (compacted = false, partitions = PARTITIONS): Promise<string> => {
      const topic = `test.${randomUUID()}`;
      await bus.createTopics([
        { name: topic, partitions, compacted },
        { name: `${topic}.dead`, partitions: 1, compacted: false },
      ]);
      return topic;
    };

    it('keeps the order of every key, and a key in its partition', async () => {
      const topic = await newTopic();
      const seen: IncomingRecord[] = [];
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        handler: async ({ records }) => void seen.push(...records),
      });
      await subscription.ready;
      const keys = Array.from({ length: 12 }, (_, index) => `unit-${index}`);
      const rounds = Array.from({ length: 25 }, (_, round) => keys.map((key) => record(topic, key, String(round))));
      // Not awaited one by one: the order is that of the calls.
      await Promise.all(rounds.map((round) => bus.publish(round)));
      await vi.waitFor(() => expect(seen).toHaveLength(300), patiently);
      for (const key of keys) {
        const mine = seen.filter((one) => one.key?.toString() === key);
        expect(mine.map((one) => one.value?.toString())).toEqual(rounds.map((_, round) => String(round)));
        expect(new Set(mine.map((one) => one.partition))).toEqual(new Set([partitionOf(key, PARTITIONS)]));
        expect(mine.map((one) => one.offset)).toEqual(mine.map((one) => one.offset).sort((a, b) => a - b));
      }
      await subscription.close();
    });

    it('delivers bytes as they were published', async () => {
      const topic = await newTopic();
      const value = Buffer.from([0, 1, 127, 128, 255]);
      const headers = { text: 'größe', bytes: Buffer.from([255, 0, 254]) };
      await bus.publish([{ topic, key: Buffer.from([200, 0]), headers, value }]);
      const [received] = await bus.readAll(topic);
      expect(received!.value).toEqual(value);
      expect(received!.key).toEqual(Buffer.from([200, 0]));
      expect(received!.headers['text']?.toString()).toBe('größe');
      expect(received!.headers['bytes']).toEqual(headers.bytes);
    });

    it('repeats a failing batch until it works, while other partitions go on', async () => {
      const topic = await newTopic();
      const [bad, good] = keysOfDifferentPartitions();
      const handled: string[] = [];
      let failures = 0;
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        handler: async ({ records, partition }) => {
          if (partition === partitionOf(bad, PARTITIONS) && !handled.includes(good)) {
            failures++;
            throw new TypeError('not yet');
          }
          handled.push(...records.map((one) => one.key!.toString()));
        },
      });
      await subscription.ready;
      await bus.publish([record(topic, bad, '1')]);
      await vi.waitFor(() => expect(failures).toBeGreaterThan(0), patiently);
      await bus.publish([record(topic, good, '1'), record(topic, bad, '2')]);
      await vi.waitFor(() => expect(handled).toEqual([good, bad, bad]), patiently);
      await subscription.close();
    });

    it('repeats a partly handled batch from where it failed', async () => {
      const topic = await newTopic(false, 1);
      const batches: number[][] = [];
      await bus.publish(['a', 'b', 'c', 'd'].map((value) => record(topic, 'key', value)));
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        handler: async ({ records }) => {
          batches.push(records.map(({ offset }) => offset));
          if (batches.length === 1) throw new PartlyHandledError(records[0]!.offset + 2, new Error('not yet'));
        },
      });
      await vi.waitFor(() => expect(batches.flat().at(-1)).toBe(3), patiently);
      await vi.waitFor(() => expect(batches.flat()).toEqual([0, 1, 2, 3, 2, 3]), patiently);
      expect(subscription.health()).toMatchObject({ failingForMs: 0, consecutiveFailures: 0 });
      await subscription.close();
    });

    it('begins again behind what a handler said it is done with, here and at the next member', async () => {
      const topic = await newTopic(false, 1);
      const batches: number[][] = [];
      await bus.publish(['a', 'b', 'c', 'd'].map((value) => record(topic, 'key', value)));
      const subscribe = (fails: boolean): Subscription =>
        bus.subscribe({
          group: `g-${topic}`,
          topics: [topic],
          handler: async ({ records, heartbeat }) => {
            batches.push(records.map(({ offset }) => offset));
            if (!fails) return;
            await heartbeat(2);
            throw new Error('not yet');
          },
        });
      const first = subscribe(true);
      await vi.waitFor(() => expect(batches.length).toBeGreaterThan(2), patiently);
      expect(batches.slice(1)).toEqual(batches.slice(1).map(() => [2, 3]));
      await first.close();
      batches.length = 0;
      const second = subscribe(false);
      await vi.waitFor(() => expect(batches.flat()).toEqual([2, 3]), patiently);
      await second.close();
    });

    it('tells how a subscription is doing: partitions, the age of its work, failures in a row and the last reason', async () => {
      const topic = await newTopic();
      const [bad] = keysOfDifferentPartitions();
      const stalled = partitionOf(bad, PARTITIONS);
      let isBroken = true;
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        handler: async ({ partition }) => {
          if (isBroken && partition === stalled) throw new Error('the disk is full');
        },
      });
      await subscription.ready;
      const well = {
        partitions: PARTITIONS,
        attemptForMs: 0,
        lifelessForMs: 0,
        failingForMs: 0,
        consecutiveFailures: 0,
        lastFailure: null,
      };
      expect(subscription.health()).toMatchObject(well);
      await bus.publish(onePerPartition(topic));
      await vi.waitFor(() => expect(subscription.health().consecutiveFailures).toBeGreaterThan(1), patiently);
      const { failingForMs, carrierSilentForMs, lastFailure } = subscription.health();
      expect(failingForMs).toBeGreaterThan(90);
      expect(carrierSilentForMs).toBeLessThan(5_000);
      expect(lastFailure).toEqual({ topic, partition: stalled, offset: 0, reason: 'the disk is full' });
      isBroken = false;
      await vi.waitFor(() => expect(subscription.health()).toMatchObject(well), patiently);
      await subscription.close();
    });

    it('gives groups their own positions, and a returning member the position of its group', async () => {
      const topic = await newTopic();
      const consume = async (group: string, expected: string[]): Promise<void> => {
        const seen: string[] = [];
        const subscription = bus.subscribe({
          group: `${group}-${topic}`,
          topics: [topic],
          handler: async ({ records }) => void seen.push(...records.map((one) => one.value!.toString())),
        });
        await vi.waitFor(() => expect([...seen].sort()).toEqual(expected), patiently);
        await subscription.close();
      };
      await bus.publish(['a', 'b', 'c'].map((value) => record(topic, value, value)));
      await consume('first', ['a', 'b', 'c']);
      await bus.publish([record(topic, 'd', 'd')]);
      await consume('first', ['d']);
      await consume('second', ['a', 'b', 'c', 'd']);
    });

    it('replays from any position that the consumer keeps itself', async () => {
      const topic = await newTopic(false, 1);
      await bus.publish(Array.from({ length: 10 }, (_, index) => record(topic, 'key', String(index))));
      for (const [position, expected] of [
        [undefined, 0],
        [7, 7],
        [3, 3],
      ] as const) {
        const seen: number[] = [];
        const subscription = bus.subscribe({
          group: `g-${topic}`,
          topics: [topic],
          positionOf: async () => position,
          handler: async ({ records }) => void seen.push(...records.map((one) => one.offset)),
        });
        await vi.waitFor(() => expect(seen.at(-1)).toBe(9), patiently);
        expect(seen[0]).toBe(expected);
        await subscription.close();
      }
    });

    it('stops a consumer whose position is none of its log, and no other; it goes on where it is told to', async () => {
      const topic = await newTopic(false, 1);
      await bus.publish([record(topic, 'key', 'a'), record(topic, 'key', 'b')]);
      const seen: string[] = [];
      const logs: string[] = [];
      const read = (group: string, positionOf: SubscriptionOptions['positionOf'], into: string[]) =>
        bus.subscribe({
          group: `${group}-${topic}`,
          topics: [topic],
          ...(positionOf ? { positionOf } : {}),
          handler: async ({ records, log }) => {
            into.push(...records.map((one) => one.value!.toString()));
            logs.push(log);
          },
        });
      for (const [kept, why] of [
        [{ offset: 1, log: 'kafka:another:one' }, 'of another log'],
        [{ offset: 3, log: null }, 'the log ends at 2'],
      ] as const) {
        const stopped = read('stopped', async () => kept, seen);
        await expect(stopped.ready).rejects.toThrow(why);
        await vi.waitFor(() => expect(stopped.health().lastFailure?.reason).toContain('teststrip positions reset'));
        await stopped.close();
      }
      expect(seen).toEqual([]);
      const others: string[] = [];
      const other = read('other', undefined, others);
      await vi.waitFor(() => expect(others).toEqual(['a', 'b']), patiently);
      await other.close();
      // Behind a position of this log nothing comes twice.
      const again = read('again', async () => ({ offset: 1, log: logs[0]! }), seen);
      await vi.waitFor(() => expect(seen).toEqual(['b']), patiently);
      await again.close();
    });

    it('starts at the end for who wants only what comes', async () => {
      const topic = await newTopic();
      await bus.publish([record(topic, 'old', 'old')]);
      const seen: string[] = [];
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        startFrom: 'latest',
        handler: async ({ records }) => void seen.push(...records.map((one) => one.value!.toString())),
      });
      await subscription.ready;
      await bus.publish([record(topic, 'old', 'new')]);
      await vi.waitFor(() => expect(seen).toEqual(['new']), patiently);
      await subscription.close();
      // The end was that of the group's first member: what came since then is not lost on the next one.
      await bus.publish(onePerPartition(topic));
      const missed: IncomingRecord[] = [];
      const next = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        startFrom: 'latest',
        handler: async ({ records }) => void missed.push(...records),
      });
      await vi.waitFor(() => expect(missed).toHaveLength(PARTITIONS), patiently);
      await next.close();
    });

    it('hands the partitions of a member that leaves to the others', async () => {
      const topic = await newTopic();
      const other = await fixture.newBus();
      const seen: Record<'one' | 'two', Set<number>> = { one: new Set(), two: new Set() };
      const join = (who: 'one' | 'two', on: EventBus) =>
        on.subscribe({
          group: `g-${topic}`,
          topics: [topic],
          handler: async ({ partition }) => void seen[who].add(partition),
        });
      const one = join('one', bus);
      await one.ready;
      const two = join('two', other);
      await two.ready;
      await vi.waitFor(async () => {
        await bus.publish(onePerPartition(topic));
        expect(seen.one.size + seen.two.size).toBeGreaterThanOrEqual(PARTITIONS);
        expect(seen.two.size).toBe(PARTITIONS / 2);
      }, patiently);
      await two.close();
      seen.one.clear();
      await vi.waitFor(async () => {
        await bus.publish(onePerPartition(topic));
        expect(seen.one.size).toBe(PARTITIONS);
      }, patiently);
      await one.close();
      if (other !== bus) await other.close();
    });

    it('sends poison to the dead letters byte for byte, and its partition moves on', async () => {
      const topic = await newTopic(false, 1);
      const handled: string[] = [];
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        handler: async ({ records }) => {
          for (const one of records) {
            if (one.value?.[0] === 0xff) {
              await bus.publish([deadLetter(one, { reason: 'no JSON', group: 'g', nowMs: 0 })]);
            } else handled.push(one.value!.toString());
          }
        },
      });
      const poison = Buffer.from([0xff, 0xfe, 0x00, 0x80]);
      const key = Buffer.from([0x80, 0x81]);
      await bus.publish([
        record(topic, 'k', 'before'),
        { topic, key, headers: { odd: Buffer.from([0xc3, 0x28]) }, value: poison },
        record(topic, 'k', 'after'),
      ]);
      await vi.waitFor(() => expect(handled).toEqual(['before', 'after']), patiently);
      const [dead] = await bus.readAll(`${topic}.dead`);
      expect(dead!.value).toEqual(poison);
      expect(dead!.key).toEqual(key);
      expect(dead!.headers['odd']).toEqual(Buffer.from([0xc3, 0x28]));
      expect(dead!.headers[deadLetterHeaders.reason]?.toString()).toBe('no JSON');
      expect(dead!.headers[deadLetterHeaders.offset]?.toString()).toBe('1');
      await subscription.close();
    });

    it('starts no batch while paused, keeps batches small and one at a time, and tells the lag', async () => {
      const topic = await newTopic(false, 1);
      const sizes: number[] = [];
      let running = 0;
      let most = 0;
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        maxBatchSize: 50,
        handler: async ({ records }) => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          sizes.push(records.length);
        },
      });
      await subscription.ready;
      subscription.pause();
      await bus.publish(Array.from({ length: 400 }, (_, index) => record(topic, 'key', String(index))));
      await vi.waitFor(async () => expect(await subscription.lag()).toEqual({ [topic]: 400 }), patiently);
      expect(sizes).toEqual([]);
      subscription.resume();
      await vi.waitFor(() => expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(400), patiently);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(50);
      expect(most).toBe(1);
      await vi.waitFor(async () => expect(await subscription.lag()).toEqual({ [topic]: 0 }), patiently);
      await subscription.close();
    });

    it('leaves timers and sockets their turn while a backlog is handled, and its partitions take turns', async () => {
      const topic = await newTopic();
      const keys = keysOfDifferentPartitions();
      await bus.publish(Array.from({ length: 400 }, (_, index) => record(topic, keys[index % 2]!, String(index))));
      let rings = 0;
      const timer = setInterval(() => rings++, 1);
      const handled: { readonly partition: number; readonly rings: number }[] = [];
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        maxBatchSize: 10,
        handler: ({ partition }) => {
          handled.push({ partition, rings });
          const until = performance.now() + 25;
          while (performance.now() < until);
          return Promise.resolve();
        },
      });
      await vi.waitFor(() => expect(handled).toHaveLength(40), patiently);
      clearInterval(timer);
      await subscription.close();
      expect(new Set(handled.map((one) => one.rings)).size).toBeGreaterThan(30);
      const [first, last] = [handled.slice(0, 20), handled.slice(20)];
      for (const half of [first, last]) expect(new Set(half.map(({ partition }) => partition)).size).toBe(2);
    });

    it('reads a compacted topic as the newest record of every key, and no deleted keys', async () => {
      const topic = await newTopic(true);
      for (const round of ['1', '2']) await bus.publish(['a', 'b', 'c'].map((key) => record(topic, key, key + round)));
      await bus.publish([{ topic, key: 'b', headers: {}, value: null }]);
      const values = (await bus.readAll(topic)).map((one) => one.value!.toString());
      expect(values.sort()).toEqual(['a2', 'c2']);
    });

    it('says how many partitions a topic has, which is what it was created with first', async () => {
      const topic = await newTopic(false, 3);
      await bus.createTopics([{ name: topic, partitions: 8, compacted: false }]);
      expect(await bus.partitionsOf(topic)).toBe(3);
      await expect(bus.partitionsOf('nobody.created.it')).rejects.toThrow(UnknownTopicError);
    });

    it('refuses a topic that nobody created', async () => {
      await expect(bus.publish([record('test.nowhere', 'k', 'v')])).rejects.toThrow(UnknownTopicError);
      await bus.ping();
    });

    it('wakes a handler soon after the publication', async () => {
      const topic = await newTopic();
      let arrived: ((atMs: number) => void) | undefined;
      const subscription = bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        handler: async () => arrived?.(performance.now()),
      });
      await subscription.ready;
      const latencies: number[] = [];
      for (let round = 0; round < 40; round++) {
        const arrival = new Promise<number>((resolve) => (arrived = resolve));
        const startedMs = performance.now();
        await bus.publish([record(topic, `key-${round}`, 'x')]);
        latencies.push((await arrival) - startedMs);
      }
      // Far above what is measured on an idle machine (see docs): this catches polling, not a busy machine.
      expect(latencies.sort((a, b) => a - b)[20]).toBeLessThan(100);
      await subscription.close();
    });

    const memberBus = (): NonNullable<BusFixture['memberBus']> => fixture.memberBus!;
    // Kafka takes twice as long over each, and the bus is the same.
    describe.skipIf(name === 'memory')('across processes', { tags: name === 'kafka' ? ['long'] : [] }, () => {
      // Long because it is a list of behaviours as well.
      let database: TestDatabase;
      beforeAll(async () => {
        database = await withDatabase();
        await migrate(database);
        await createFactTables(database);
      });
      afterAll(() => database.close());

      it('takes over the partitions of a killed member', ANOTHER_PROCESS, async () => {
        const topic = await newTopic();
        const group = `g-${topic}`;
        const mine = new Set<number>();
        const subscription = bus.subscribe({
          group,
          topics: [topic],
          handler: async ({ partition }: RecordBatch) => void mine.add(partition),
        });
        await subscription.ready;
        const member = await startMember({ bus: memberBus(), topic, group });
        await vi.waitFor(async () => {
          await bus.publish(onePerPartition(topic));
          expect(member.lines.some((line) => line.startsWith('handled'))).toBe(true);
        }, inAnotherProcess);
        await kill(member.child);
        mine.clear();
        await bus.publish(onePerPartition(topic));
        await vi.waitFor(() => expect(mine.size).toBe(PARTITIONS), patiently);
        await subscription.close();
      });

      it(
        'takes the partitions of a member that is stopped within ten seconds, and refuses what it writes when it wakes',
        ANOTHER_PROCESS,
        async () => {
          const topic = await newTopic();
          const group = `g-${topic}`;
          const positions = createPositions(database, group);
          const handled: RecordBatch[] = [];
          const subscription = bus.subscribe({
            group,
            topics: [topic],
            positionOf: positions.kept,
            handler: async (batch) => {
              await database.transaction((tx) => positions.write(tx, batch));
              handled.push(batch);
            },
          });
          await subscription.ready;
          const member = await startMember({ bus: memberBus(), topic, group, positions: { url: database.url } });
          await vi.waitFor(async () => {
            await bus.publish(onePerPartition(topic));
            expect(member.lines).toContain('holding');
          }, patiently);
          member.child.kill('SIGSTOP');
          const stoppedAt = performance.now();
          const written = member.lines.filter((line) => line === 'written').length;
          await vi.waitFor(() => expect(subscription.health().partitions).toBe(PARTITIONS), patiently);
          expect(performance.now() - stoppedAt).toBeLessThan(10_000);
          // Further than what the stopped one has in its hands.
          await bus.publish(onePerPartition(topic));
          const ends = await Promise.all(
            [0, 1, 2, 3].map(
              async (partition) => (await bus.readAll(topic)).filter((one) => one.partition === partition).length,
            ),
          );
          const reached = () => Promise.all([0, 1, 2, 3].map((partition) => positions.read(topic, partition)));
          await vi.waitFor(async () => expect(await reached()).toEqual(ends), patiently);
          member.child.kill('SIGCONT');
          await vi.waitFor(() => expect(member.lines).toContain('refused: StalePositionError'), inAnotherProcess);
          expect(member.lines.filter((line) => line === 'written')).toHaveLength(written);
          expect(await reached()).toEqual(ends);
          await kill(member.child);
          await subscription.close();
        },
      );

      it.each(['before-commit', 'after-commit'] as const)(
        'keeps facts and position together when the process dies %s',
        { ...ANOTHER_PROCESS, tags: 'long' },
        async (dies) => {
          const topic = await newTopic(false, 1);
          const group = `g-${topic}`;
          await bus.publish(Array.from({ length: 20 }, (_, index) => record(topic, 'key', String(index))));
          const member = await startMember({ bus: memberBus(), topic, group, facts: { url: database.url, dies } });
          await member.gone;
          const subscription = bus.subscribe({
            group,
            topics: [topic],
            positionOf: (_topic, partition) => positionOfFacts(database, group, partition),
            handler: (batch) => rememberFacts(database, group, batch),
          });
          await bus.publish([record(topic, 'key', 'last')]);
          await vi.waitFor(async () => {
            const facts = await factsOf(database, group);
            expect(facts.map((fact) => fact.offset)).toEqual(Array.from({ length: 21 }, (_, offset) => offset));
          }, patiently);
          await subscription.close();
        },
      );
    });
  });
}

function record(topic: string, key: string, value: string): OutgoingRecord {
  return { topic, key, headers: {}, value: Buffer.from(value) };
}

function keysOfDifferentPartitions(): [string, string] {
  const first = 'key-0';
  for (let index = 1; ; index++) {
    if (partitionOf(`key-${index}`, PARTITIONS) !== partitionOf(first, PARTITIONS)) return [first, `key-${index}`];
  }
}

function onePerPartition(topic: string): OutgoingRecord[] {
  const keys = new Map<number, string>();
  for (let index = 0; keys.size < PARTITIONS; index++) {
    keys.set(partitionOf(`key-${index}`, PARTITIONS), `key-${index}`);
  }
  return [...keys.values()].map((key) => record(topic, key, 'x'));
}

interface MemberProcess {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly gone: Promise<void>;
}

/** Resolves when the member is ready, or gone already. */
async function startMember(settings: MemberSettings): Promise<MemberProcess> {
  const script = resolvePath(import.meta.dirname, 'event-bus-member.ts');
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=teststrip-source', script, JSON.stringify(settings)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trim().split('\n')));
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = vi.waitFor(() => expect(lines).toContain('ready'), inAnotherProcess);
  await Promise.race([ready, gone]);
  return { child, lines, gone };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
