/**
 * What an analyzer carries, in two runs.
 *
 *   npm run bench:analyzer -- [requests=60000]
 *
 * Events that lie in Kafka, read by the analyzer until it has folded all of them (one experiment, a database for its snapshots), beside a bare consumer
 * that takes batches from kafkajs and parses their JSON: events per second by the clock and per second of processor. Reader and broker are processes of
 * their own.
 *
 *   npm run bench:analyzer -- experiments [experiments=50] [requests/s=51] [seconds=20]
 *
 * The share of a core that one analyzer takes for so many running experiments, to which the requests come in turn.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import { Kafka, logLevel } from 'kafkajs';
import { Analyzer } from '#apps/analyzer';
import { encodeEvent, topics } from '#libs/contracts';
import { OBSERVED_TOPICS, type RequestEvent } from '#libs/evidence';
import { createEventBus, ensureTopics, type EventBus, startKafka } from '#libs/messaging';
import { type Database, openDatabase } from '#libs/persistence';
import { systemClock } from '#libs/platform';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { withOwnDatabase } from './own-database.js';
import { ownCpuMs, said } from './parts.js';

/** What a reader took for all events, from when it might read them on. */
interface Taken {
  readonly events: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

const PARTITIONS = 4;
/** Requests that are published at a time. */
const AT_A_TIME = 500;
Logger.overrideLogger(['error']);
// Whatever ends the bench, its readers do not stay behind.
process.once('disconnect', () => process.exit(1));

const [role = 'events', ...parameters] = process.argv.slice(2);
switch (role) {
  case 'bare':
    await report(await readBare(parameters[0] as string, Number(parameters[1])));
    break;
  case 'analyzer':
    await report(await analyse(parameters[0] as string, parameters[1] as string, Number(parameters[2])));
    break;
  case 'experiments':
    await measureExperiments(...(parameters.map(Number) as [number?, number?, number?]));
    break;
  default:
    await measureEvents(Number(role === 'events' ? (parameters[0] ?? 60_000) : role));
}

async function measureEvents(requests: number): Promise<void> {
  const kafka = await startKafka({ onProgress: say });
  const bus = await createEventBus({ carrier: 'kafka', brokers: kafka.brokers, clientId: 'bench' });
  try {
    await ensureTopics(bus, PARTITIONS);
    await define(bus, 'exp');
    const events = await publish(bus, requests);
    say(`${events} events of ${requests} requests, ${PARTITIONS} partitions a topic`);
    const brokers = kafka.brokers.join(',');
    const bare = await readBy(['bare', brokers, String(events)]);
    tell('kafkajs and JSON.parse', bare);
    const analyzer = await withOwnDatabase('analyzer', (url) => readBy(['analyzer', brokers, url, String(events)]));
    tell('analyzer', analyzer);
    say(
      `analyzer / bare: ${(bare.wallMs / analyzer.wallMs).toFixed(2)} by the clock, ${(bare.cpuMs / analyzer.cpuMs).toFixed(2)} by processor`,
    );
  } finally {
    await bus.close();
    await kafka.stop();
  }
}

async function measureExperiments(experiments = 50, perSecond = 51, seconds = 20): Promise<void> {
  await withOwnDatabase('analyzer', async (url) => {
    const database = await openDatabase({ url });
    const bus = await createEventBus({ carrier: 'memory' });
    await ensureTopics(bus, PARTITIONS);
    const keys = Array.from({ length: experiments }, (_, index) => `exp-${index}`);
    for (const key of keys) await define(bus, key);
    const analyzer = analyzerOf(bus, database);
    analyzer.start();
    await analyzer.leading;
    const traffics = keys.map((key, index) => ({ key, traffic: trafficFrom(index + 1) }));
    const begun = performance.now();
    const halfMs = begun + seconds * 1000;
    let half: { readonly wallMs: number; readonly cpuMs: number } | undefined;
    for (let request = 0; performance.now() < halfMs + seconds * 1000; request++) {
      const { key, traffic } = traffics[request % experiments] as (typeof traffics)[number];
      await bus.publish(eventsOf(traffic, key).map(encodeEvent));
      await pause(Math.max(0, begun + ((request + 1) * 1000) / perSecond - performance.now()));
      // The first half warms the code up.
      if (performance.now() >= halfMs) half ??= { wallMs: performance.now(), cpuMs: ownCpuMs() };
    }
    const share = (ownCpuMs() - (half?.cpuMs ?? NaN)) / (performance.now() - (half?.wallMs ?? NaN));
    say(`${experiments} experiments, ${perSecond} requests/s in all: ${(100 * share).toFixed(0)} % of a core`);
    await analyzer.close();
    await bus.close();
    await database.close();
  });
}

async function readBare(brokers: string, events: number): Promise<Taken> {
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'bench-bare', logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: 'bench-bare' });
  await consumer.connect();
  await consumer.subscribe({ topics: [...OBSERVED_TOPICS], fromBeginning: true });
  let seen = 0;
  const watch = stopwatch();
  // As of the analyzer: from when it may read. What the client fetches and unpacks comes before the first batch is handed over.
  consumer.on(consumer.events.GROUP_JOIN, () => watch.begin());
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachBatch: ({ batch }) => {
        for (const { value } of batch.messages) if (value !== null && JSON.parse(value.toString())) seen += 1;
        if (seen >= events) resolve();
        return Promise.resolve();
      },
    });
  });
  const taken = { events: seen, ...watch.taken() };
  await consumer.disconnect();
  return taken;
}

async function analyse(brokers: string, url: string, events: number): Promise<Taken> {
  const database = await openDatabase({ url });
  const bus = await createEventBus({ carrier: 'kafka', brokers: brokers.split(','), clientId: 'bench-analyzer' });
  const analyzer = analyzerOf(bus, database);
  const watch = stopwatch();
  analyzer.start();
  await analyzer.leading;
  watch.begin();
  while (Object.values(await analyzer.lag()).some((records) => records > 0)) await pause(20);
  const taken = { events, ...watch.taken() };
  await analyzer.close();
  await bus.close();
  await database.close();
  return taken;
}

function stopwatch(): { begin(): void; taken(): Pick<Taken, 'wallMs' | 'cpuMs'> } {
  let began: { readonly wallMs: number; readonly cpuMs: number } | undefined;
  return {
    begin: () => void (began ??= { wallMs: performance.now(), cpuMs: ownCpuMs() }),
    taken: () => ({
      wallMs: performance.now() - (began?.wallMs ?? NaN),
      cpuMs: ownCpuMs() - (began?.cpuMs ?? NaN),
    }),
  };
}

function analyzerOf(bus: EventBus, database: Database): Analyzer {
  return new Analyzer({ bus, database, clock: systemClock, log: { warn: say, error: say } });
}

async function define(bus: EventBus, experiment: string): Promise<void> {
  const data = { ...definition(), experiment };
  const about = { specversion: '1.0', source: 'bench', time: data.definedAt, subject: experiment } as const;
  await bus.publish([
    encodeEvent({ ...about, id: `defined-${experiment}`, type: topics.experimentDefined.name, data }),
  ]);
}

async function publish(bus: EventBus, requests: number): Promise<number> {
  const traffic = trafficFrom(1);
  let events = 0;
  for (let sent = 0; sent < requests; sent += AT_A_TIME) {
    const some = Array.from({ length: Math.min(AT_A_TIME, requests - sent) }, () => traffic.next()).flat();
    await bus.publish(some.map(encodeEvent));
    events += some.length;
  }
  return events;
}

function trafficFrom(seed: number): SimulatedTraffic {
  const traffic = new SimulatedTraffic(seed, {});
  traffic.candidateShare = 0.5;
  return traffic;
}

/** A request of another experiment. */
function eventsOf(traffic: SimulatedTraffic, experiment: string): readonly RequestEvent[] {
  return traffic.next().map((event) => {
    const { assignment } = event.data;
    const data = { ...event.data, assignment: assignment && { ...assignment, experiment } };
    return { ...event, id: `${experiment}:${event.id}`, data } as RequestEvent;
  });
}

async function readBy(args: readonly string[]): Promise<Taken> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), args);
  const taken = await said<Taken>(child);
  child.disconnect();
  return taken;
}

async function report(taken: Taken): Promise<void> {
  await new Promise((resolve) => process.send?.(taken, resolve));
}

function tell(who: string, { events, wallMs, cpuMs }: Taken): void {
  const perSecond = (ms: number): string => ((1000 * events) / ms).toFixed(0);
  say(`${who}: ${perSecond(wallMs)} events/s by the clock, ${perSecond(cpuMs)} per second of processor`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
