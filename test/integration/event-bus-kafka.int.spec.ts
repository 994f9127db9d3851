import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  createEventBus,
  NoKafkaError,
  startKafka,
  type EventBus,
  type KeptPosition,
  type RecordBatch,
  type RunningKafka,
} from '#libs/messaging';
import { commonVariables, readConfig } from '#libs/platform';
import { describeEventBus } from './event-bus-conformance.js';
import { expectForgedOrdersRefused } from './forged-orders.js';
import { describeSecuredKafka, securedDoors } from './secured-kafka.js';

const { KAFKA_BROKERS } = readConfig({ KAFKA_BROKERS: commonVariables.KAFKA_BROKERS });

const secured = securedDoors();
const kafka = await startKafka({ brokers: KAFKA_BROKERS, ...secured }).catch(
  (error: unknown): RunningKafka | undefined => {
    if (!(error instanceof NoKafkaError)) throw error;
    process.stderr.write(`\n*** SKIPPED: the event bus was not tested on Kafka. ${error.message} ***\n\n`);
    return undefined;
  },
);

Logger.overrideLogger(['warn', 'error']);
if (kafka) {
  afterAll(() => kafka.stop());
  // A broker of somebody else allows no session shorter than 6 s by default.
  const sessionTimeoutMs = KAFKA_BROKERS.length > 0 ? 6_000 : 2_000;
  const options = { carrier: 'kafka', brokers: kafka.brokers, clientId: 'test', sessionTimeoutMs } as const;
  describeEventBus('kafka', () =>
    Promise.resolve({ newBus: () => createEventBus(options), memberBus: options, close: () => Promise.resolve() }),
  );

  it('names another log after a topic was deleted and made anew: a position of before stops there', async () => {
    const bus = await createEventBus(options);
    const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    onTestFinished(async () => {
      await bus.close();
      await admin.disconnect();
    });
    const topic = `test.${randomUUID()}`;
    const settings = [{ name: topic, partitions: 1, compacted: false }];
    const logs: string[] = [];
    const consume = (positionOf: () => Promise<KeptPosition | undefined>) =>
      bus.subscribe({
        group: `g-${topic}`,
        topics: [topic],
        positionOf,
        handler: async ({ log }) => void logs.push(log),
      });
    const publish = () => bus.publish([{ topic, key: 'k', headers: {}, value: Buffer.from('v') }]);
    await bus.createTopics(settings);
    await publish();
    const first = consume(async () => undefined);
    await vi.waitFor(() => expect(logs).toHaveLength(1), { timeout: 20_000 });
    await first.close();
    // The client asks for the deleted topic once more, and fails.
    await admin.deleteTopics({ topics: [topic] }).catch(() => undefined);
    await vi.waitFor(async () => expect(await admin.listTopics()).not.toContain(topic), { timeout: 10_000 });
    const anew = await createEventBus(options);
    // Right after the deletion the broker does not host the new one yet.
    await vi.waitFor(() => anew.createTopics(settings), { timeout: 20_000 });
    await anew.close();
    await vi.waitFor(publish, { timeout: 20_000 });
    const second = consume(async () => ({ offset: 1, log: logs[0]! }));
    await expect(second.ready).rejects.toThrow('of another log');
    await second.close();
    expect(logs).toHaveLength(1);
  });

  it('orders are the controller’s alone: a forged one changes nothing, and the true one after it is obeyed', async () => {
    const bus = await createEventBus(options);
    onTestFinished(() => bus.close());
    await expectForgedOrdersRefused(bus);
  }, 90_000);

  if (kafka.crash) describeSecuredKafka(kafka, secured);

  it.skipIf(kafka.crash === undefined)(
    'goes on after its broker was killed and started again: who publishes, who has never published, and who reads',
    { timeout: 180_000, tags: 'long' },
    async () => {
      const [bus, another] = [await createEventBus(options), await createEventBus(options)];
      onTestFinished(() => Promise.all([bus.close(), another.close()]).then(() => undefined));
      const topic = `test.${randomUUID()}`;
      await bus.createTopics([{ name: topic, partitions: 1, compacted: false }]);
      const seen: string[] = [];
      const handler = async ({ records }: RecordBatch): Promise<void> =>
        void seen.push(...records.map(({ value }) => value!.toString()));
      const subscription = bus.subscribe({ group: `g-${topic}`, topics: [topic], handler });
      await subscription.ready;
      // As the telemetry library does: again until it is durable.
      const publish = (by: EventBus, value: string) =>
        vi.waitFor(() => by.publish([{ topic, key: 'k', headers: {}, value: Buffer.from(value) }]), {
          timeout: 120_000,
          interval: 500,
        });
      await publish(bus, 'before');
      const load = Array.from({ length: 200 }, async (_, number) => {
        await pause(number * 10);
        await publish(bus, `load-${number}`);
      });
      await kafka.crash!();
      const meanwhile = [publish(bus, 'a'), publish(another, 'b')];
      await kafka.startAgain!();
      await Promise.all([...meanwhile, ...load]);
      await publish(bus, 'after');
      const all = ['a', 'after', 'b', 'before', ...load.map((_, number) => `load-${number}`)];
      await vi.waitFor(() => expect([...new Set(seen)].sort()).toEqual(all.sort()), { timeout: 60_000 });
      expect(await bus.partitionsOf(topic)).toBe(1);
    },
  );
} else {
  describe.skip('event bus: kafka (no broker can be had here)', () => {
    it('is skipped', () => expect.unreachable());
  });
}
