import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ASSIGNMENT_HEADER,
  decodeEvent,
  encodeAssignment,
  type Assignment,
  type DataOf,
  type Image,
  type VariantConfig,
} from '#libs/contracts';
import { denoise, EXAMPLE_PROMPT, parsePrompt, PICTURE_SIDE_PX } from '#libs/scenes';
import { createTelemetry, sha256Of } from '#libs/telemetry';
import { startInference, type RunningInference } from './inference-server.js';
import { hardwareProfile } from './hardware-model.js';
import { warmUp } from './warm-up.js';

const config: VariantConfig = { checkpoint: 'scenes-1.0', sampler: 'unipc', steps: 12, precision: 'fp16' };
const assignment: Assignment = {
  experiment: 'exp',
  revision: 1,
  variant: 'candidate',
  control: 'control',
  unit: 'user-1',
  epoch: 3,
  stage: 0,
  propensity: 0.01,
  weightsPpm: { control: 990_000, candidate: 10_000 },
  reason: 'SPLIT',
};

let folder: string;
let running: RunningInference[] = [];
let published: Parameters<typeof decodeEvent>[0][];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'inference-'));
  published = [];
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.close()));
  running = [];
  rmSync(folder, { recursive: true });
});

async function start(changes: Partial<VariantConfig> = {}, gpus = 8, rememberPictures = 0): Promise<RunningInference> {
  const telemetry = createTelemetry({
    bus: { publish: async (records) => void published.push(...records) },
    service: 'text-to-image',
    source: 'inference/test',
  });
  const service = await startInference({
    service: 'text-to-image',
    instance: 'test-1',
    config: { ...config, ...changes } as VariantConfig,
    telemetry,
    pictureFolder: folder,
    host: '127.0.0.1',
    port: 0,
    gpus,
    keepPictures: 3,
    rememberPictures,
  });
  running.push(service);
  return service;
}

const ask = (service: RunningInference, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${service.url}v1/services/text-to-image/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const pictureOf = async (response: Response): Promise<Image> =>
  ((await response.json()) as { images: Image[] }).images[0]!;

const samePictureTwice = async (service: RunningInference): Promise<Image[]> => [
  await ask(service, { prompt: EXAMPLE_PROMPT, seed: 1 }).then(pictureOf),
  await ask(service, { prompt: EXAMPLE_PROMPT, seed: 1 }).then(pictureOf),
];

async function generations(count: number): Promise<DataOf<'generation.completed.v1'>[]> {
  await expect.poll(() => published.length, { timeout: 5_000 }).toBeGreaterThanOrEqual(count);
  return published.map((record) => decodeEvent(record).data as DataOf<'generation.completed.v1'>);
}

describe('the simulated service', () => {
  it('warms up by itself: no picture stays, and nothing is published', async () => {
    const events: unknown[] = [];
    await warmUp(
      {
        service: 'text-to-image',
        instance: 'test-1',
        config,
        telemetry: createTelemetry({
          bus: { publish: async (records) => void events.push(...records) },
          service: 'text-to-image',
          source: 'inference/test',
        }),
        pictureFolder: folder,
        host: '127.0.0.1',
        port: 0,
        gpus: 8,
        keepPictures: 3,
      },
      60,
    );
    expect(readdirSync(folder)).toEqual([]);
    expect(events).toEqual([]);
  });

  it('answers with a real PNG of what was asked for, and tells about it under the assignment it came with', async () => {
    const service = await start();
    const response = await ask(
      service,
      { prompt: EXAMPLE_PROMPT, seed: 7 },
      { [ASSIGNMENT_HEADER]: encodeAssignment(assignment) },
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('teststrip-instance')).toBe('test-1');
    const image = await pictureOf(response);
    const file = readFileSync(fileURLToPath(image.uri));
    expect(sha256Of(file)).toBe(image.sha256);
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: PICTURE_SIDE_PX, height: PICTURE_SIDE_PX, channels: 3 });
    const parsed = parsePrompt(EXAMPLE_PROMPT);
    if (!parsed.ok) throw new Error(parsed.problem.message);
    const drawn = denoise(parsed.scene, {
      seed: 7,
      checkpoint: 'scenes-1.0',
      sampler: 'unipc',
      steps: 12,
      precision: 'fp16',
    });
    expect(Buffer.compare(data, Buffer.from(drawn))).toBe(0);

    const [event] = await generations(1);
    expect(event).toMatchObject({
      assignment,
      outcome: 'delivered',
      fingerprint: service.fingerprint,
      seed: 7,
      images: [image],
    });
    const { gpuMs, pricePerGpuSecond } = hardwareProfile(config);
    const gpuSeconds = event!.gpu.seconds as number;
    expect(gpuSeconds * 1000).toBeGreaterThan(gpuMs / 3);
    expect(event!.cost).toBeCloseTo(gpuSeconds * pricePerGpuSecond, 12);
    expect(event!.timings.totalMs).toBeGreaterThanOrEqual(gpuSeconds * 1000 - 2);
  });

  it('gives the same bytes for the same prompt, seed and configuration, and others for another seed', async () => {
    const [first, second] = [await start(), await start()];
    const [a, b, c] = await Promise.all([
      ask(first, { prompt: EXAMPLE_PROMPT, seed: 1 }).then(pictureOf),
      ask(second, { prompt: EXAMPLE_PROMPT, seed: 1 }).then(pictureOf),
      ask(first, { prompt: EXAMPLE_PROMPT, seed: 2 }).then(pictureOf),
    ]);
    expect(a.sha256).toBe(b.sha256);
    expect(c.sha256).not.toBe(a.sha256);
  });

  it('answers a remembered picture again under the same address', async () => {
    const [drawing, remembering] = [await start(), await start({}, 8, 1)];
    const [first, again] = await samePictureTwice(remembering);
    expect(again).toEqual(first);
    for (let seed = 2; seed < 7; seed++) await ask(remembering, { prompt: EXAMPLE_PROMPT, seed }).then(pictureOf);
    expect(sha256Of(readFileSync(fileURLToPath(first!.uri)))).toBe(first!.sha256);
    const [one, other] = await samePictureTwice(drawing);
    expect(other!.uri).not.toBe(one!.uri);
    expect(other!.sha256).toBe(first!.sha256);
  });

  it('sends the picture itself where image/png is asked for', async () => {
    const response = await ask(await start(), { prompt: EXAMPLE_PROMPT, seed: 1 }, { accept: 'image/png' });
    expect(response.headers.get('content-type')).toBe('image/png');
    expect((await sharp(Buffer.from(await response.arrayBuffer())).metadata()).format).toBe('png');
  });

  it('shows the grammar to a prompt outside of it, and reports no generation', async () => {
    const response = await ask(await start(), { prompt: 'a cat on a mat' });
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({
      grammar: expect.stringContaining('background'),
      example: EXAMPLE_PROMPT,
    });
    expect(published).toEqual([]);
  });

  it.each([
    ['{', 400, /line 1/],
    ['x'.repeat(100_000), 413, /longer than 65536 bytes/],
    [{ prompt: '' }, 422, /prompt/],
    [{ prompt: EXAMPLE_PROMPT, seed: -1 }, 422, /seed/],
  ])('says what is wrong with the body %j', async (body, status, message) => {
    const response = await ask(await start(), body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { detail: string }).detail).toMatch(message);
  });

  it('crashes as often as its attention kernel does, and reports every crash as a failed generation', async () => {
    const service = await start({ attention: 'flash-beta', steps: 1, sampler: 'lcm' }, 64);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, seed) =>
        ask(service, { prompt: EXAMPLE_PROMPT, seed }).then(({ status }) => status),
      ),
    );
    const failures = answers.filter((status) => status === 500).length;
    expect(failures).toBeGreaterThan(3);
    expect(failures).toBeLessThan(33);
    const reported = await generations(300);
    expect(reported.filter(({ outcome }) => outcome === 'server-error')).toHaveLength(failures);
  });

  it('lets jobs wait when all GPUs are busy', async () => {
    const service = await start({}, 1);
    await Promise.all([1, 2, 3].map((seed) => ask(service, { prompt: EXAMPLE_PROMPT, seed })));
    const queues = (await generations(3)).map(({ timings }) => timings.queueMs as number).sort((a, b) => a - b);
    expect(queues[2]).toBeGreaterThan(hardwareProfile(config).gpuMs / 2);
  });

  it('refuses a configuration that it does not know', async () => {
    await expect(start({ precision: 'fp3' })).rejects.toThrow(/precision "fp3".*fp16, int8, int4/);
    await expect(start({ attention: 'none' })).rejects.toThrow(/attention "none".*sdpa/);
  });
});

it('lets go of a client whose prompt comes byte by byte for a minute', async () => {
  const { url } = await start();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    socket.on('data', (bytes) => (answer += bytes.toString())).on('error', () => undefined);
    const path = '/v1/services/text-to-image/generations';
    const head = [`POST ${path} HTTP/1.1`, 'host: x', 'content-type: application/json', 'content-length: 900'];
    socket.write(`${head.join('\r\n')}\r\n\r\n{`);
    const closed = once(socket, 'close');
    await vi.waitUntil(() => vi.getTimerCount() > 0);
    await vi.advanceTimersByTimeAsync(60_000);
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  } finally {
    vi.useRealTimers();
  }
});
