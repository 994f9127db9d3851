import { createEventBus, startKafka, type EventBus, type EventBusOptions } from '#libs/messaging';
import { startEmbeddedPostgres, openDatabase } from '#libs/persistence';

/**
 * `node dist-lab/lab/bench/event-bus.js memory|postgres|kafka`: what a carrier takes and gives in one process with 6 groups on one topic of
 * 4 partitions. First the latency at 200 publishes a second, then as many records of 600 bytes as go through.
 */
const GROUPS = 6;
const PARTITIONS = 4;
const carrier = (process.argv[2] ?? 'postgres') as EventBusOptions['carrier'];
const { bus, close } = await open();
const topic = `bench.${Date.now()}`;
await bus.createTopics([{ name: topic, partitions: PARTITIONS, compacted: false }]);

let handled = 0;
let onHandled: ((publishedMs: number) => void) | undefined;
const subscriptions = Array.from({ length: GROUPS }, (_, group) =>
  bus.subscribe({
    group: `bench-${group}-${topic}`,
    topics: [topic],
    handler: async ({ records }) => {
      handled += records.length;
      for (const record of records) onHandled?.(record.value!.readDoubleBE(0));
    },
  }),
);
await Promise.all(subscriptions.map(({ ready }) => ready));

const latencies: number[] = [];
onHandled = (publishedMs) => latencies.push(performance.now() - publishedMs);
const idleCpu = process.cpuUsage();
for (let sent = 0; sent < 1_000; sent++) {
  void bus.publish([recordOf(sent)]);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await until(() => latencies.length >= 1_000 * GROUPS);
onHandled = undefined;
latencies.sort((a, b) => a - b);
const calmCpu = process.cpuUsage(idleCpu);

handled = 0;
const total = 40_000;
const startedMs = performance.now();
const cpu = process.cpuUsage();
let published = 0;
await Promise.all(
  Array.from({ length: 50 }, async (_, publisher) => {
    for (let sent = 0; sent < total / 50; sent += 4) {
      await bus.publish([0, 1, 2, 3].map((step) => recordOf(publisher * 1_000 + sent + step)));
      published += 4;
    }
  }),
);
const publishedS = (performance.now() - startedMs) / 1_000;
await until(() => handled >= total * GROUPS);
const consumedS = (performance.now() - startedMs) / 1_000;
const used = process.cpuUsage(cpu);
process.stdout.write(
  `${JSON.stringify({
    carrier,
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99) },
    cpuShareAt200PerS: Math.round((calmCpu.user + calmCpu.system) / 1e4 / 5) / 100,
    publishedPerS: Math.round(published / publishedS),
    deliveredPerS: Math.round(handled / consumedS),
    groups: GROUPS,
    cpuS: Math.round((used.user + used.system) / 1e4) / 100,
  })}\n`,
);
await bus.close();
await close();

async function open(): Promise<{ readonly bus: EventBus; close(): Promise<void> }> {
  if (carrier === 'memory') return { bus: await createEventBus({ carrier }), close: () => Promise.resolve() };
  if (carrier === 'kafka') {
    const kafka = await startKafka();
    return { bus: await createEventBus({ carrier, brokers: kafka.brokers, clientId: 'bench' }), close: kafka.stop };
  }
  const server = await startEmbeddedPostgres({ dataDir: '.teststrip/bench-postgres' });
  const database = await openDatabase({ url: server.url });
  return {
    bus: await createEventBus({ carrier: 'postgres', database }),
    close: async () => {
      await database.close();
      await server.stop();
    },
  };
}

function recordOf(sent: number): Parameters<EventBus['publish']>[0][number] {
  const value = Buffer.alloc(600, 0x20);
  value.writeDoubleBE(performance.now(), 0);
  return { topic, key: `unit-${sent % 500}`, headers: { ce_id: String(sent) }, value };
}

function quantile(share: number): number {
  return Math.round(latencies[Math.floor(latencies.length * share)]! * 10) / 10;
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}
