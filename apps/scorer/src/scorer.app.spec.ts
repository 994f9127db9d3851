import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeEvent, deadLetterTopic, encodeEvent, topics } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { writeTinyClip } from '#libs/testing/tiny-clip';
import { ConfigurationError, startApp, type RunningApp } from '#libs/platform';
import type { GenerationEvent, ScoredEvent } from './scored-event.js';
import { scorerApp } from './scorer.app.js';
import type { ScorerSettings } from './scorer-settings.js';

let folder: string;
let bytes: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-scorer-app-'));
  await writeTinyClip(join(folder, 'tiny-clip'));
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) => (index * 37) % 256);
  bytes = await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toBuffer();
  await writeFile(join(folder, 'a.png'), bytes);
});
afterAll(() => rm(folder, { recursive: true }));

describe('the scorer', () => {
  it('scores what is on the bus, dead-letters what is no event, and goes on where it stopped after a restart', async () => {
    const bus = await newBus();
    const running = await start(bus, { decodeThreads: 1 });
    const malformed = { topic: topics.generationCompleted.name, key: 'user-1', headers: {}, value: Buffer.from('{') };
    await bus.publish([encodeEvent(generation('g1')), malformed, encodeEvent(generation('g2'))]);
    await expectScored(bus, ['g1', 'g2']);
    const dead = await bus.readAll(deadLetterTopic(topics.generationCompleted.name));
    expect(dead.map(({ value }) => value?.toString())).toEqual(['{']);
    await running.close();

    await bus.publish([encodeEvent(generation('g3'))]);
    expect((await scoredGenerations(bus)).includes('g3')).toBe(false);
    const again = await start(bus);
    await expectScored(bus, ['g1', 'g2', 'g3']);
    await again.close();
    await bus.close();
  });

  it('publishes the rows of three hosts while a fourth one is silent, and its own when it answers', async () => {
    let letGo!: () => void;
    const answers = new Promise<void>((resolve) => (letGo = resolve));
    const servers = await Promise.all(
      Array.from({ length: 4 }, (_, index) => pictureServer(index === 3 ? answers : Promise.resolve())),
    );
    const hosts = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
    const bus = await newBus();
    const running = await start(bus, { hosts, timeoutMs: 60_000, deadlineMs: 60_000 });
    const names = Array.from({ length: 48 }, (_, index) => `g${String(index).padStart(2, '0')}`);
    await bus.publish(
      names.map((name, index) => {
        const event = generation(name);
        const image = { ...event.data.images[0]!, uri: `http://${hosts[index % 4]}/${name}.png` };
        return encodeEvent({ ...event, data: { ...event.data, images: [image] } });
      }),
    );
    const others = names.filter((_, index) => index % 4 !== 3);
    await expectScored(bus, others);
    letGo();
    await expectScored(bus, names);
    const rows = await bus.readAll(topics.imageScored.name);
    expect(rows.every((record) => (decodeEvent(record) as ScoredEvent).data.outcome === 'scored')).toBe(true);
    await running.close();
    await bus.close();
    for (const server of servers) server.close();
  });

  it('gives a batch again until the bus takes the rows', async () => {
    const bus = await newBus();
    let refusals = 2;
    const flaky: EventBus = {
      ...bus,
      publish: (records) => {
        const scores = records.some(({ topic }) => topic === topics.imageScored.name);
        return scores && refusals-- > 0 ? Promise.reject(new Error('broker gone')) : bus.publish(records);
      },
    };
    const running = await start(flaky);
    await bus.publish([encodeEvent(generation('g1'))]);
    await expectScored(bus, ['g1']);
    await running.close();
    await bus.close();
  });

  it('says over HTTP which model and engine score, why, and how much', async () => {
    const bus = await newBus();
    const running = await start(bus);
    await bus.publish([encodeEvent(generation('g1'))]);
    await expectScored(bus, ['g1']);
    await vi.waitFor(async () => {
      const health = await (await fetch(`${running.url}/health`)).json();
      expect(health).toMatchObject({
        status: 'ok',
        checks: {
          engine: {
            ok: true,
            facts: {
              model: 'tiny-clip',
              engine: 'onnx-cpu',
              engineReason: expect.stringContaining('onnxruntime-node'),
              sampling: { coverage: 1, samplingRate: 1 },
            },
          },
        },
      });
    });
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toContain('teststrip_scorer_pictures_total{experiment="",variant="",outcome="scored"} 1');
    await running.close();
    await bus.close();
  });

  it('is not ready while its engine is dead, and says why', async () => {
    const bus = await newBus();
    let engine: Worker | undefined;
    const remember = (worker: Worker): void => void (engine = worker);
    process.on('worker', remember);
    const running = await start(bus);
    process.off('worker', remember);
    await engine!.terminate();
    await vi.waitFor(async () => {
      const answer = await fetch(`${running.url}/health/ready`);
      const { detail } = (await answer.json()) as { readonly detail: string };
      expect([answer.status, detail]).toEqual([503, expect.stringContaining('its worker ended with code 1')]);
    });
    expect((await fetch(`${running.url}/health/live`)).status).toBe(200);
    await bus.publish([encodeEvent(generation('g1'))]);
    await expectScored(bus, ['g1']);
    expect((await fetch(`${running.url}/health/ready`)).status).toBe(200);
    await running.close();
    await bus.close();
  });

  it('does not start without its model, and says what is missing', async () => {
    const bus = await newBus();
    await expect(start(bus, { modelDirectory: folder })).rejects.toThrow(
      /lacks\n {2}config.json: expected the configuration of a CLIP model/,
    );
    await bus.close();
  });
});

describe('the settings of a scorer', () => {
  it('has defaults that need nothing set', () => {
    expect(scorerApp.plan({}).settings).toMatchObject({
      engine: 'auto',
      preprocessing: 'exact',
      roots: ['.teststrip/pictures'],
      hosts: [],
      sampling: { rate: 1, sampleAboveLag: undefined },
    });
  });

  it('takes what is set and refuses what is not understood', () => {
    const { settings } = scorerApp.plan({
      SCORER_IMAGE_ROOTS: '/a, /b',
      SCORER_ENGINE: 'onnx',
      SCORER_SAMPLE_ABOVE_LAG: '500',
    });
    expect(settings).toMatchObject({ roots: ['/a', '/b'], engine: 'onnx', sampling: { sampleAboveLag: 500 } });
    expect(() => scorerApp.plan({ SCORER_ENGINE: 'cuda' })).toThrow(ConfigurationError);
  });
});

/** A host that sends the picture once it answers at all. */
async function pictureServer(answers: Promise<void>): Promise<Server> {
  const server = createServer((_, response) => void answers.then(() => response.end(bytes)));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

async function newBus(): Promise<EventBus> {
  const bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 2);
  return bus;
}

function start(bus: EventBus, change: Partial<ScorerSettings> = {}): Promise<RunningApp> {
  const settings = { modelDirectory: join(folder, 'tiny-clip'), roots: [folder], decodeThreads: 0, ...change };
  return startApp(scorerApp, { resources: { bus }, settings });
}

async function expectScored(bus: EventBus, generations: readonly string[]): Promise<void> {
  await vi.waitFor(async () => expect((await scoredGenerations(bus)).sort()).toEqual(generations), { timeout: 10_000 });
}

async function scoredGenerations(bus: EventBus): Promise<string[]> {
  const records = await bus.readAll(topics.imageScored.name);
  return records.map((record) => (decodeEvent(record) as ScoredEvent).data.generationId);
}

function generation(id: string): GenerationEvent {
  return {
    specversion: '1.0',
    id: `event-${id}`,
    source: 'inference/test',
    type: 'generation.completed.v1',
    time: '2026-05-04T03:02:00.000Z',
    subject: `user-${id}`,
    data: {
      requestId: `request-${id}`,
      generationId: id,
      service: 'text-to-image',
      assignment: null,
      fingerprint: 'f1',
      config: { checkpoint: 'sdxl', sampler: 'euler', steps: 20, precision: 'fp16' },
      prompt: 'red star',
      seed: 1,
      outcome: 'delivered',
      error: null,
      timings: { queueMs: 0, inferenceMs: 1, totalMs: 1 },
      gpu: { seconds: 0.1, utilisation: 0.9, memoryMiB: 1000 },
      cost: 0.01,
      images: [
        {
          uri: pathToFileURL(join(folder, 'a.png')).href,
          sha256: createHash('sha256').update(bytes).digest('hex'),
          format: 'png',
          width: 8,
          height: 8,
          bytes: bytes.length,
        },
      ],
      shadow: false,
    },
  };
}
