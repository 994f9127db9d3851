import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Analyzer } from '#apps/analyzer';
import { startInference } from '#apps/inference';
import { routerApp } from '#apps/router';
import { scorerApp } from '#apps/scorer';
import {
  ASSIGNMENT_HEADER,
  type Assignment,
  decodeAssignment,
  decodeEvent,
  encodeAssignment,
  encodeEvent,
  type ExperimentAnalysed,
  isCopy,
  REQUEST_ID_HEADER,
  type TeststripEvent,
  UNIT_HEADER,
  type VariantConfig,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { migrate } from '#libs/persistence';
import { startApp, systemClock } from '#libs/platform';
import { formatScene, randomScene, seededRandom } from '#libs/scenes';
import { createTelemetry } from '#libs/telemetry';
import { withDatabase } from '#libs/testing/database';
import { writeTinyClip } from '#libs/testing/tiny-clip';
import { runningCanary } from '#libs/testing/traffic';

const CONFIG = { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 8, precision: 'fp16' };
const REQUESTS = 8;
const ASSIGNMENT_KEY = 'a key of sixteen letters';

let folder: string;
let bus: EventBus;
const closing: (() => Promise<unknown>)[] = [];

/** The whole way of a pair on the real bus: router, two services, scorer, analyzer. */
beforeAll(async () => {
  const database = await withDatabase();
  closing.push(() => database.close());
  await migrate(database);
  folder = await mkdtemp(join(tmpdir(), 'teststrip-shadow-'));
  closing.push(() => rm(folder, { recursive: true }));
  bus = await createEventBus({ carrier: 'postgres', database });
  closing.push(() => bus.close());
  await ensureTopics(bus, 3);
  await writeTinyClip(join(folder, 'tiny-clip'));
  const settings = { modelDirectory: join(folder, 'tiny-clip'), roots: [folder] };
  const scorer = await startApp(scorerApp, { resources: { bus }, settings });
  closing.push(() => scorer.close());
  const log = { warn: () => undefined, error: () => undefined };
  const analyzer = new Analyzer({ bus, database, clock: systemClock, log });
  closing.push(() => analyzer.close());
  analyzer.start();
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

it('gives as many complete pairs as requests were copied: routed, generated, scored and analysed', async () => {
  const candidate = await service({ ...CONFIG, steps: 4 });
  await define({ control: await service(CONFIG), candidate });
  const router = await startApp(routerApp, {
    environment: { AUTH: 'off', ASSIGNMENT_KEY },
    resources: { bus },
    settings: { port: 0, routerId: undefined, lastKnownGoodFile: undefined },
  });
  closing.push(() => router.close());
  const random = seededRandom(1);
  for (let number = 0; number < REQUESTS; number += 1) {
    const response = await fetch(new URL('/v1/services/text-to-image/generations', router.exposed.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', [UNIT_HEADER]: `user-${number}` },
      body: JSON.stringify({ prompt: formatScene(randomScene(random)), seed: number }),
    });
    await response.text();
    expect(response.status).toBe(200);
    expect(decodeAssignment(response.headers.get(ASSIGNMENT_HEADER) as string).variant).toBe('control');
    // What the client was told, said again to the candidate itself.
    await forge(candidate, response.headers.get(ASSIGNMENT_HEADER) as string, `forged-${number}`);
  }
  for (const topic of ['request.routed.v1', 'generation.completed.v1', 'image.scored.v1'] as const) {
    await expect.poll(async () => (await marksOf(topic)).length, { timeout: 20_000 }).toBe(2 * REQUESTS);
    const marks = await marksOf(topic);
    const pairs = (copies: boolean): string[] =>
      marks.flatMap((mark) => (isCopy(mark) === copies ? [JSON.stringify(mark.pair)] : [])).sort();
    expect(new Set(pairs(true)).size).toBe(REQUESTS);
    expect(pairs(true)).toEqual(pairs(false));
  }
  const forged = (await eventsOf('generation.completed.v1')).filter(({ data }) => data.requestId.startsWith('forged'));
  expect(forged.map(({ data }) => data.assignment)).toEqual(Array.from({ length: REQUESTS }, () => null));
  // Both have made their picture of the same prompt and seed.
  const asked = (await eventsOf('generation.completed.v1')).flatMap(({ data }) =>
    data.assignment === null ? [] : [`${data.seed} ${data.prompt}`],
  );
  expect(new Set(asked).size).toBe(REQUESTS);
  await expect.poll(newestPairs, { timeout: 20_000 }).toMatchObject({
    candidate: 'candidate',
    n: REQUESTS,
    withdrawn: 0,
    repeated: 0,
    pixels: { compared: REQUESTS },
  });
  expect((await eventsOf('experiment.analysed.v1')).at(-1)?.data.requests).toEqual({ control: REQUESTS, candidate: 0 });
}, 60_000);

/** Asks a service past the router, as if that had drawn the candidate. */
async function forge(url: string, told: string, requestId: string): Promise<void> {
  const { pair: _pair, ...drawn } = decodeAssignment(told);
  const response = await fetch(new URL('/v1/services/text-to-image/generations', url), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      [REQUEST_ID_HEADER]: requestId,
      [ASSIGNMENT_HEADER]: encodeAssignment({ ...drawn, variant: 'candidate' }),
    },
    body: JSON.stringify({ prompt: formatScene(randomScene(seededRandom(2))), seed: 1 }),
  });
  await response.text();
  expect(response.status).toBe(200);
}

/** A service that reports to the bus, and takes no time for it. */
async function service(config: VariantConfig): Promise<string> {
  const name = 'text-to-image';
  const telemetry = createTelemetry({
    bus,
    service: name,
    source: `inference/${config.steps}`,
    assignmentKey: ASSIGNMENT_KEY,
  });
  const running = await startInference({
    service: name,
    instance: `pod-${config.steps}`,
    config,
    telemetry,
    pictureFolder: folder,
    host: '127.0.0.1',
    port: 0,
    gpus: 4,
    keepPictures: 1_000,
    gpuTimeFactor: 0,
  });
  closing.push(() => running.close());
  return running.url;
}

async function define(upstreams: Readonly<Record<'control' | 'candidate', string>>): Promise<void> {
  const variants = {
    control: { upstream: upstreams.control, config: CONFIG },
    candidate: { upstream: upstreams.candidate, config: { ...CONFIG, steps: 4 } },
  };
  const shadow = { candidates: ['candidate'], ratePpm: 1_000_000, concurrency: 8 };
  const events = runningCanary(0, { spec: { variants, onLostController: 'hold' }, order: { shadow } });
  await bus.publish(events.map(encodeEvent));
}

async function eventsOf<Name extends TeststripEvent['type']>(topic: Name): Promise<readonly TeststripEvent<Name>[]> {
  return (await bus.readAll(topic)).map((record) => decodeEvent(record) as TeststripEvent<Name>);
}

async function marksOf(
  topic: 'request.routed.v1' | 'generation.completed.v1' | 'image.scored.v1',
): Promise<readonly Assignment[]> {
  return (await eventsOf(topic)).flatMap(({ data }) => (data.assignment?.pair ? [data.assignment] : []));
}

async function newestPairs(): Promise<NonNullable<ExperimentAnalysed['pairs']>[number] | undefined> {
  return (await eventsOf('experiment.analysed.v1')).at(-1)?.data.pairs?.[0];
}
