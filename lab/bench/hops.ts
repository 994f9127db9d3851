/**
 * How long it takes from an event to what is served for it, hop by hop, with every service a process of its own: canaries whose candidate fails are
 * applied one after the other, under steady traffic, and each is rolled back. Times are those that the events carry; all processes have one clock.
 *
 *   npm run bench:hops -- [rollbacks=20] [requests/s=300] [kafka|postgres]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack, type Stack } from '#apps/cli';
import { decodeEvent, type AllocationApplied, type AllocationCommanded, type TeststripEvent } from '#libs/contracts';
import { busVariables, openBusAsItIs, type EventBus } from '#libs/messaging';
import { readConfig } from '#libs/platform';
import { listening, quantileOfSorted } from './parts.js';
import { TrialTraffic } from './trial-traffic.js';

const rollbacks = Number(process.argv[2] ?? 20);
const perSecond = Number(process.argv[3] ?? 300);
const carrier = process.argv[4] === 'postgres' ? 'postgres' : 'kafka';

const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-hops-'));
const stack = await startStack({ bus: carrier, dataDir, shape: 'all-apart' });
const { bus, close } = await openBusAsItIs(readConfig(busVariables, stack.settings), 'bench');
try {
  await play();
} finally {
  await close();
  await stack.close();
  await rm(dataDir, { recursive: true, force: true });
}

async function play(): Promise<void> {
  const upstreams = { works: await upstream(200), works2: await upstream(200), fails: await upstream(500) };
  const applied = new Map<string, AllocationApplied>();
  const subscription = bus.subscribe({
    group: `bench-${Date.now()}`,
    isLasting: false,
    startFrom: 'latest',
    topics: ['allocation.applied.v1'],
    handler: async ({ records }) => {
      for (const { data } of records.map(decodeEvent) as TeststripEvent<'allocation.applied.v1'>[])
        if (data.outcome === 'applied') applied.set(data.commandId, data);
    },
  });
  await subscription.ready;
  await apply(stack, 'steady', upstreams.works, upstreams.works2);
  const traffic = new TrialTraffic(stack.routerUrl, perSecond);
  for (let trial = 1; trial <= rollbacks; trial += 1) {
    const service = `trial-${trial}`;
    await apply(stack, service, upstreams.works, upstreams.fails);
    await traffic.until(service, () => isRolledBack(service, applied));
  }
  await traffic.close();
  await print(applied);
}

async function upstream(status: number): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(status, { 'content-type': 'image/png' }).end('picture'));
  });
  server.keepAliveTimeout = 120_000;
  server.unref();
  return listening(server);
}

async function apply({ decisionUrl, operatorToken }: Stack, service: string, control: string, candidate: string) {
  const config = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', precision: 'fp16' };
  const file = {
    apiVersion: 'teststrip/v1',
    key: service,
    service,
    kind: 'canary',
    variants: {
      control: { upstream: control, config: { ...config, steps: 24 } },
      candidate: { upstream: candidate, config: { ...config, steps: 12 } },
    },
    ramp: [{ weight: '50%', atLeast: '1h' }, { weight: '100%' }],
    guardrails: [{ metric: 'error-rate', margin: '+0.5pp' }],
  };
  const response = await fetch(new URL('/v1/experiments', decisionUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${operatorToken}` },
    body: JSON.stringify(file),
  });
  if (!response.ok) throw new Error(`${service} can't be applied: ${response.status} ${await response.text()}`);
}

function isRolledBack(experiment: string, applied: ReadonlyMap<string, AllocationApplied>): boolean {
  // The start is epoch 1.
  return [...applied.values()].some((one) => one.experiment === experiment && one.epoch > 1);
}

interface Hops {
  readonly produced: number;
  readonly analysis: number;
  readonly command: number;
  readonly applied: number;
  readonly whole: number;
  readonly wholeFromProduced: number;
}

async function print(applied: ReadonlyMap<string, AllocationApplied>): Promise<void> {
  const takenAfter = await producedToBus(bus);
  const commands = (await bus.readAll('allocation.commanded.v1')).map(decodeEvent);
  const hops = (commands as TeststripEvent<'allocation.commanded.v1'>[])
    .map(({ data }) => hopsOf(data, applied.get(data.commandId), takenAfter))
    .filter((one) => one !== undefined);
  const row = (name: string, valueOf: (one: Hops) => number): string => {
    const values = hops
      .map(valueOf)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    const at = (share: number): string => quantileOfSorted(values, share).toFixed(0).padStart(6);
    return `${name.padEnd(44)} ${at(0.5)} ${at(0.99)} ${at(1)}\n`;
  };
  process.stdout.write(
    `${hops.length} rollbacks at ${perSecond} requests/s over ${carrier}\n${''.padEnd(44)}    p50    p99    max, ms\n` +
      row('event produced → taken by the bus', ({ produced }) => produced) +
      row('→ analysed', ({ analysis }) => analysis) +
      row('→ commanded', ({ command }) => command) +
      row('→ applied by the router', ({ applied: last }) => last) +
      row('taken by the bus → applied', ({ whole }) => whole) +
      row('produced → candidate no longer served', ({ wholeFromProduced }) => wholeFromProduced),
  );
}

function hopsOf(
  { experiment, evidence, commandedAt }: AllocationCommanded,
  applied: AllocationApplied | undefined,
  takenAfter: ReadonlyMap<string, number>,
): Hops | undefined {
  if (!applied || !evidence || evidence.newestEventAt === null) return undefined;
  const [taken, analysed, commanded, served] = [
    evidence.newestEventAt,
    evidence.analysedAt,
    commandedAt,
    applied.appliedAt,
  ].map((time) => Date.parse(time)) as [number, number, number, number];
  const produced = takenAfter.get(`${experiment} ${taken}`) ?? Number.NaN;
  return {
    produced,
    analysis: analysed - taken,
    command: commanded - analysed,
    applied: served - commanded,
    whole: served - taken,
    wholeFromProduced: served - taken + produced,
  };
}

/** By experiment and when the bus took an event: milliseconds since that was produced, the longest. */
async function producedToBus(from: Pick<EventBus, 'readAll'>): Promise<ReadonlyMap<string, number>> {
  const waits = new Map<string, number>();
  for (const record of await from.readAll('request.routed.v1')) {
    const event = decodeEvent(record) as TeststripEvent<'request.routed.v1'>;
    const key = `${event.data.assignment?.experiment ?? ''} ${record.timestampMs}`;
    waits.set(key, Math.max(waits.get(key) ?? 0, record.timestampMs - Date.parse(event.time)));
  }
  return waits;
}
