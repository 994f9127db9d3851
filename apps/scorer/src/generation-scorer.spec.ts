import { createHash } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeEmbedding, decodeEvent, type Assignment, type GenerationCompleted, type Image } from '#libs/contracts';
import type { OutgoingRecord } from '#libs/messaging';
import { createScorer, type Scorer } from '#libs/scoring';
import { pngAnnouncing } from '#libs/testing/pictures';
import { writeTinyClip } from '#libs/testing/tiny-clip';
import { PictureFetcher } from './fetching/picture-fetcher.js';
import { GenerationScorer, type BatchLife } from './generation-scorer.js';
import type { SamplingOptions } from './sampling.js';
import { ScorerMetrics } from './scorer-metrics.js';
import type { GenerationEvent, ScoredEvent } from './scored-event.js';

const NOW = Date.parse('2026-05-04T03:02:01.000Z');

let folder: string;
let scorer: Scorer;
let fetcher: PictureFetcher;
let metrics: ScorerMetrics;
let registry: Registry;
let published: ScoredEvent[];
let publish: (records: readonly OutgoingRecord[]) => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-scorer-'));
  await writeTinyClip(join(folder, 'tiny-clip'));
  scorer = await createScorer({ modelDirectory: join(folder, 'tiny-clip') });
  fetcher = new PictureFetcher({
    roots: [join(folder)],
    hosts: [],
    maxBytes: 100_000,
    timeoutMs: 1_000,
    deadlineMs: 2_000,
    atATime: 8,
    bytesInMemory: 1_000_000,
  });
});

afterAll(async () => {
  await scorer.close();
  await fetcher.close();
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  registry = new Registry();
  metrics = new ScorerMetrics(registry);
  published = [];
  publish = async (records) => {
    for (const { topic, headers, value } of records) {
      published.push(decodeEvent({ topic, headers, value }) as ScoredEvent);
    }
  };
});

describe('GenerationScorer', () => {
  it('publishes a row for every picture, with the assignment, the identity and the key of the generation', async () => {
    const two = [await savedPicture('a', 1), await savedPicture('b', 2)];
    await score([generation('g1', two), generation('g2', [await savedPicture('c', 3)])]);
    expect(published.map(({ subject, data }) => [subject, data.generationId, data.imageIndex])).toEqual([
      ['user-g1', 'g1', 0],
      ['user-g1', 'g1', 1],
      ['user-g2', 'g2', 0],
    ]);
    const [first] = published;
    expect(first).toMatchObject({
      source: 'scorer/test',
      type: 'image.scored.v1',
      time: '2026-05-04T03:02:01.000Z',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      data: {
        requestId: 'request-g1',
        service: 'text-to-image',
        assignment: { experiment: 'sdxl-int8', variant: 'candidate', epoch: 3 },
        image: { uri: two[0]!.uri, sha256: two[0]!.sha256 },
        outcome: 'scored',
        reason: null,
        blank: false,
        promptTruncated: false,
        identity: scorer.identity,
      },
    });
    expect(Math.hypot(...decodeEmbedding(first!.data.embedding!)!)).toBeCloseTo(1, 2);
    expect(first!.data.quality['clean']).toBeGreaterThan(0);
    expect(first!.data.alignment).not.toBe(published[1]!.data.alignment);
  });

  it('gives the same ids when a batch comes again', async () => {
    const events = [generation('g1', [await savedPicture('a', 1)])];
    await score(events);
    await score(events);
    expect(published[0]!.id).toBe(published[1]!.id);
    expect(published[0]!.id).toBe(`image.scored.v1:${scorer.identity.digest.slice(0, 16)}:event-g1:0`);
  });

  it('publishes a row with the reason for every picture that can not be scored, beside the others', async () => {
    const good = await savedPicture('good', 5);
    const truncated = await saved('truncated', (await png(6)).subarray(0, 70));
    const huge = await saved('huge', hugePng());
    await writeFile(join(tmpdir(), 'teststrip-outside.png'), await png(7));
    await symlink(join(tmpdir(), 'teststrip-outside.png'), join(folder, 'escape.png'));
    const pictures = [
      { ...good, sha256: 'f'.repeat(64) },
      { ...good, uri: pathToFileURL(join(folder, 'missing.png')).href },
      truncated,
      huge,
      { ...good, uri: pathToFileURL(join(folder, 'escape.png')).href },
      { ...good, uri: 'file:///etc/hostname' },
      { ...good, uri: 'http://169.254.169.254/latest' },
      good,
    ];
    await score([generation('g1', pictures)]);
    await rm(join(tmpdir(), 'teststrip-outside.png'));
    expect(published.map(({ data }) => data.outcome)).toEqual([
      'digest-mismatch',
      'unavailable',
      'undecodable',
      'refused',
      'refused',
      'refused',
      'refused',
      'scored',
    ]);
    for (const { data } of published.slice(0, -1)) {
      expect(data).toMatchObject({ alignment: null, embedding: null, quality: {}, reason: expect.any(String) });
    }
    expect(published[3]!.data.reason).toContain('60000 × 60000 pixels');
  });

  it('scores pictures of any format and size inside the event', async () => {
    const pixels = Uint8Array.from({ length: 300 * 40 * 3 }, (_, index) => (index * index) % 251);
    const wide = sharp(pixels, { raw: { width: 300, height: 40, channels: 3 } });
    const files = await Promise.all([wide.clone().jpeg().toBuffer(), wide.clone().webp().toBuffer()]);
    await score([
      generation(
        'g1',
        files.map((bytes) => announce(bytes, `data:image/any;base64,${bytes.toString('base64')}`)),
      ),
    ]);
    expect(published.map(({ data }) => [data.outcome, data.blank])).toEqual([
      ['scored', false],
      ['scored', false],
    ]);
  });

  it('tells blank pictures, flagged ones and those of a format that it does not read from scored ones', async () => {
    const black = sharp({ create: { width: 30, height: 40, channels: 3, background: 'black' } });
    const missing = { ...(await savedPicture('good', 5)), uri: pathToFileURL(join(folder, 'missing.png')).href };
    await score([
      generation('g1', [
        await saved('black', await black.clone().png().toBuffer()),
        { ...missing, flagged: true },
        await saved('moving', await black.clone().gif().toBuffer()),
      ]),
    ]);
    const nothing = { alignment: null, embedding: null, quality: {}, reason: expect.any(String) };
    expect(published.map(({ data }) => data)).toMatchObject([
      {
        ...nothing,
        outcome: 'blank',
        blank: true,
        blankKind: 'black',
        pixels: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      { ...nothing, outcome: 'flagged', blank: false },
      { ...nothing, outcome: 'unsupported', blank: false },
    ]);
  });

  it('says of each service whether the model can tell its prompts apart', async () => {
    const words = ['red', 'blue', 'small', 'large', 'circle', 'star'];
    const events = await Promise.all(
      Array.from({ length: 60 }, async (_, index) =>
        generation(`g${index}`, [await savedPicture(`s${index}`, index)], { prompt: words[index % 6]! }),
      ),
    );
    await score(events);
    const { auc, pictures, isBlind } = metrics.separationByService()['text-to-image']!;
    expect(auc).toBeCloseTo(published.reduce((sum, { data }) => sum + (data.separation ?? 0), 0) / pictures, 9);
    // A random model. The first pictures may come before there are enough other prompts.
    expect([pictures, isBlind]).toEqual([published.filter(({ data }) => data.separation !== undefined).length, true]);
    expect(pictures).toBeGreaterThan(50);
    expect(await registry.metrics()).toContain('teststrip_scorer_separation{service="text-to-image"} 0.');
  });

  it('says why a scored picture has no alignment', async () => {
    const image = await savedPicture('a', 1);
    const prompts = [null, ' ', '<lora:x:1>', 'a red star'];
    await score(prompts.map((prompt, index) => generation(`g${index}`, [image], { prompt })));
    expect(
      published.map(({ data }) => [data.outcome, data.reason, data.alignment === null, data.scoredPrompt]),
    ).toEqual([
      ['scored', 'the prompt is not known', true, undefined],
      ['scored', 'the prompt is empty', true, ''],
      ['scored', 'the prompt is empty', true, ''],
      ['scored', null, false, undefined],
    ]);
  });

  it('says when a prompt was read in parts', async () => {
    const prompt = 'a small red circle a large blue star of a picture';
    await score([generation('g1', [await savedPicture('a', 1)], { prompt })]);
    expect(published[0]!.data).toMatchObject({ promptTruncated: false, promptWindows: 2 });
  });

  it('publishes nothing for failed generations, and counts them', async () => {
    await score([generation('g1', [], { outcome: 'server-error', error: 'out of memory' })]);
    expect(published).toEqual([]);
    expect(metrics.status()).toMatchObject({ generations: { scored: 0, failed: 1 }, coverage: null });
  });

  it('scores a sample that is the same share of every variant, and exports the coverage', async () => {
    const image = await savedPicture('a', 1);
    const events = Array.from({ length: 1000 }, (_, index) =>
      generation(`s${index}`, [image], { variant: index % 2 === 0 ? 'control' : 'candidate' }),
    );
    await score(events, { sampling: { sampleAboveLag: 250 }, lag: 1000 });
    const share = (variant: string): number =>
      published.filter(({ data }) => data.assignment!.variant === variant).length / 500;
    expect(Math.abs(share('control') - 0.25)).toBeLessThan(0.06);
    expect(Math.abs(share('candidate') - 0.25)).toBeLessThan(0.06);
    expect(metrics.status()).toMatchObject({ samplingRate: 0.25, coverage: published.length / 1000 });
    expect(await registry.metrics()).toContain('teststrip_scorer_sampling_rate 0.25');
  });

  it('scores both pictures of every pair, with the hash of their pixels', async () => {
    const events = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const event = generation(`g${index}`, [await savedPicture('paired', 8)]);
        const pair = { request: 'r', candidate: 'candidate', prompt: 'p' };
        const assignment = event.data.assignment && { ...event.data.assignment, pair };
        return { ...event, data: { ...event.data, assignment } };
      }),
    );
    await score(events, { sampling: { rate: 0.01, lowestRate: 0 } });
    expect(published).toHaveLength(10);
    expect(published.every(({ data }) => /^[0-9a-f]{64}$/.test(data.pixels ?? ''))).toBe(true);
  });

  it('fails the batch when the bus does not take the rows, and counts nothing', async () => {
    publish = () => Promise.reject(new Error('broker gone'));
    await expect(score([generation('g1', [await savedPicture('a', 1)])])).rejects.toThrow('broker gone');
    expect(metrics.status().coverage).toBeNull();
  });

  it('stops publishing when the partition has been taken away, and stays in touch in between', async () => {
    const images = await Promise.all([1, 2, 3].map((seed) => savedPicture(`p${seed}`, seed)));
    const events = Array.from({ length: 150 }, (_, index) => generation(`g${index}`, [images[index % 3]!]));
    let heartbeats = 0;
    const life: BatchLife = {
      lag: 0,
      heartbeat: async () => void (heartbeats += 1),
      isStale: () => heartbeats === 2,
    };
    await score(events, { life });
    expect(heartbeats).toBe(2);
    expect(published.length).toBeGreaterThan(0);
    expect(published.length).toBeLessThan(events.length);
  });

  it('says how many generations are done, those without a picture to score among them', async () => {
    const image = await savedPicture('a', 1);
    const failed = generation('f', [], { outcome: 'server-error', error: 'out of memory' });
    const events = [failed, generation('g', Array<Image>(10).fill(image)), failed, generation('h', [image]), failed];
    const done: number[] = [];
    await score(events, { life: { lag: 0, heartbeat: async (count) => void done.push(count), isStale: () => false } });
    expect(done.at(-1)).toBe(5);
    expect(done.toSorted((left, right) => left - right)).toEqual(done);
    expect([published.length, metrics.status().generations]).toEqual([
      11,
      expect.objectContaining({ scored: 2, failed: 3 }),
    ]);
  });

  it('moves the position as far as nothing is missing before it, and publishes what comes behind', async () => {
    const image = await savedPicture('a', 1);
    const events = ['g1', 'slow', 'g3'].map((id) => generation(id, [image], { prompt: id }));
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const slow: Scorer = {
      ...scorer,
      identity: scorer.identity,
      score: async (inputs) => {
        if (inputs[0]!.prompt === 'slow') await gate;
        return scorer.score(inputs);
      },
    };
    const done: number[] = [];
    const life = { lag: 0, heartbeat: async (count: number) => void done.push(count), isStale: () => false };
    const scoring = score(events, { life, slow });
    await vi.waitFor(() => expect(published.map(({ data }) => data.generationId).sort()).toEqual(['g1', 'g3']));
    expect(Math.max(...done)).toBe(1);
    letGo();
    await scoring;
    expect([done.at(-1), published.length]).toEqual([3, 3]);
  });

  it('gives signs of life while pictures are finished in other batches, and none when nothing moves', async () => {
    const image = await savedPicture('a', 1);
    let stuck!: () => void;
    const gate = new Promise<void>((resolve) => (stuck = resolve));
    const own = new GenerationScorer(
      {
        scorer: {
          ...scorer,
          identity: scorer.identity,
          score: async (inputs) => {
            if (inputs[0]!.prompt === 'stuck') await gate;
            return scorer.score(inputs);
          },
        },
        fetcher,
        bus: { publish: (records) => publish(records) },
        metrics,
        clock: { nowMs: () => NOW },
      },
      { source: 'scorer/test', sampling: {} },
    );
    let signs = 0;
    const life: BatchLife = { lag: 0, heartbeat: async () => void (signs += 1), isStale: () => false };
    const other: BatchLife = { lag: 0, heartbeat: async () => undefined, isStale: () => false };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const waiting = own.scoreBatch([generation('g1', [image], { prompt: 'stuck' })], life);
      vi.advanceTimersByTime(5_000);
      expect(signs).toBe(0);
      await own.scoreBatch([generation('g2', [image])], other);
      vi.advanceTimersByTime(1_000);
      expect(signs).toBe(1);
      vi.advanceTimersByTime(5_000);
      expect(signs).toBe(1);
      stuck();
      await waiting;
      expect(signs).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });
});

async function score(
  events: readonly GenerationEvent[],
  change: {
    readonly sampling?: SamplingOptions;
    readonly lag?: number;
    readonly life?: BatchLife;
    readonly slow?: Scorer;
    readonly clock?: { nowMs(): number };
  } = {},
): Promise<void> {
  const life = change.life ?? { lag: change.lag ?? 0, heartbeat: async () => undefined, isStale: () => false };
  const generationScorer = new GenerationScorer(
    {
      scorer: change.slow ?? scorer,
      fetcher,
      bus: { publish: (records) => publish(records) },
      metrics,
      clock: change.clock ?? { nowMs: () => NOW },
    },
    { source: 'scorer/test', sampling: change.sampling ?? {} },
  );
  await generationScorer.scoreBatch(events, life);
  // Rows come as they are ready.
  const place = new Map(events.map(({ data }, index) => [data.generationId, index]));
  const placeOf = ({ data }: ScoredEvent): number => place.get(data.generationId)! * 1000 + data.imageIndex;
  published.sort((left, right) => placeOf(left) - placeOf(right));
}

function generation(
  id: string,
  images: readonly Image[],
  change: Partial<Pick<GenerationCompleted, 'prompt' | 'outcome' | 'error'>> & { readonly variant?: string } = {},
): GenerationEvent {
  return {
    specversion: '1.0',
    id: `event-${id}`,
    source: 'inference/test',
    type: 'generation.completed.v1',
    time: '2026-05-04T03:02:00.000Z',
    subject: `user-${id}`,
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    data: {
      requestId: `request-${id}`,
      generationId: id,
      service: 'text-to-image',
      assignment: assignmentTo(change.variant ?? 'candidate', `user-${id}`),
      fingerprint: 'f1',
      config: {},
      prompt: change.prompt === undefined ? 'red star' : change.prompt,
      seed: 1,
      outcome: change.outcome ?? 'delivered',
      error: change.error ?? null,
      timings: { queueMs: 0, inferenceMs: 1, totalMs: 1 },
      gpu: { seconds: 0.1, utilisation: 0.9, memoryMiB: 1000 },
      cost: 0.01,
      images: [...images],
      shadow: false,
    },
  } as GenerationEvent;
}

async function savedPicture(name: string, seed: number): Promise<Image> {
  return saved(name, await png(seed));
}

async function saved(name: string, bytes: Buffer): Promise<Image> {
  const path = join(folder, `${name}.png`);
  await writeFile(path, bytes);
  return announce(bytes, pathToFileURL(path).href);
}

function announce(bytes: Buffer, uri: string): Image {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { uri, sha256, format: 'png', width: 8, height: 8, bytes: bytes.length };
}

async function png(seed: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) => (index * (seed * 2 + 37) + seed * 11) % 256);
  return sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toBuffer();
}

/** A small file that announces 60,000 × 60,000 pixels. */
function hugePng(): Buffer {
  return pngAnnouncing(60_000, 60_000, deflateSync(Buffer.alloc(1000)));
}

function assignmentTo(variant: string, unit: string): Assignment {
  return {
    experiment: 'sdxl-int8',
    revision: 1,
    variant,
    control: 'control',
    unit,
    epoch: 3,
    stage: 0,
    propensity: 0.5,
    weightsPpm: { control: 500_000, candidate: 500_000 },
    reason: 'SPLIT',
  };
}
