/**
 * How many pictures a second the scorer carries: decoding alone; the engine alone in a bare loop; the same work by hand, which is one loop that
 * reads, checks, decodes, resizes and reads prompts for the next batch while the engine computes; the whole library; and the whole service, from
 * picture files to published rows, as a share of the two loops. Loops and service take turns on a machine that others may use, and the best turn
 * of each counts: by the clock, and by the processor's time of all threads. Every picture and every prompt is another one, so no cache helps.
 *
 *   npm run bench:scorer -- [pictures=2000] [modelDirectory=models/scenes-clip | random-b32] [engine=auto]
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { scorerApp, type GenerationEvent } from '#apps/scorer';
import { encodeEvent, topics } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus, type RecordBatch } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { drawScene, formatScene, PICTURE_SIDE_PX, randomScene, seededRandom } from '#libs/scenes';
import {
  chooseEngine,
  createScorer,
  decodePicture,
  defaultPictureLimits,
  loadClipModel,
  preparePicture,
  preprocessing,
  type EngineName,
} from '#libs/scoring';
import { deliveredGeneration } from './delivered-generation.js';
import { ownCpuMs } from './parts.js';
import { writeRandomB32 } from './random-checkpoint.js';

const count = Number(process.argv[2] ?? 2000);
const shipped = 'models/scenes-clip';
const asked = process.argv[3] ?? shipped;
const modelDirectory = asked === 'random-b32' ? await writeRandomB32(shipped) : asked;
const engineName = (process.argv[4] ?? 'auto') as EngineName | 'auto';
const side = PICTURE_SIDE_PX;
const GRAIN_LEVELS = 6;

const random = seededRandom(1);
const pictures = await Promise.all(
  Array.from({ length: count }, async (_, index) => {
    const scene = randomScene(random);
    const pixels = drawScene(scene, index);
    const png = await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
      .png()
      .toBuffer();
    return { png, prompt: formatScene(scene) };
  }),
);
const jpegs = await Promise.all(pictures.slice(0, 500).map(({ png }) => sharp(png).jpeg().toBuffer()));
const [flat, large] = await Promise.all([enlarged(pictures[0]!.png, 0), enlarged(pictures[0]!.png, GRAIN_LEVELS)]);
const largeJpeg = await sharp(large).jpeg().toBuffer();

await measure(`decode PNG ${side} × ${side}`, count, async () => {
  for (const { png } of pictures) await decodePicture(png);
});
await measure(`decode PNG ${side} × ${side} by sharp`, count, async () => {
  for (const { png } of pictures) await sharp(png).removeAlpha().raw().toBuffer();
});
await measure(`decode JPEG ${side} × ${side}`, jpegs.length, async () => {
  for (const jpeg of jpegs) await decodePicture(jpeg);
});
await measurePreparation('flat', flat);
await measurePreparation('with grain', large);

const TURNS = 4;
const ofTurn = Math.floor(count / TURNS);
const folder = await mkdtemp(join(tmpdir(), 'teststrip-bench-'));
const files = await Promise.all(pictures.map(({ png, prompt }, index) => pictureFile(index, png, prompt)));
const { kind, reason } = await chooseEngine(engineName);
const model = await loadClipModel(modelDirectory);
const engine = await kind.start(model, { threads: 1 });
console.log(`${engine.name}: ${reason}`);
const bus = await createEventBus({ carrier: 'memory' });
await ensureTopics(bus, 4);
const rows = countRows(bus);
const startOfService = performance.now();
const service = await startApp(scorerApp, {
  resources: { bus },
  settings: { modelDirectory, engine: engineName, roots: [folder] },
});
console.log(`the service is warm after ${Math.round(performance.now() - startOfService)} ms`);

const contenders = {
  'the engine alone': (turn: readonly PictureFile[]) => engineAlone(turn),
  'the same work by hand': (turn: readonly PictureFile[]) => byHand(turn),
  'the service: event → file → event': async (turn: readonly PictureFile[]) => {
    const scored = rows.after(turn.length);
    await bus.publish(turn.map(({ event }) => encodeEvent(event)));
    await scored;
  },
};
const best = new Map<string, Speed>();
for (let turn = 0; turn < TURNS; turn += 1) {
  for (const [name, play] of Object.entries(contenders)) {
    const speed = await speedOf(ofTurn, () => play(files.slice(turn * ofTurn, (turn + 1) * ofTurn)));
    const before = best.get(name) ?? speed;
    best.set(name, { wallMs: Math.min(before.wallMs, speed.wallMs), cpuMs: Math.min(before.cpuMs, speed.cpuMs) });
  }
}
for (const [name, speed] of best) tell(name, speed);
const [alone, same, whole] = [...best.values()] as [Speed, Speed, Speed];
for (const [loop, speed] of [
  ['the engine alone', alone],
  ['the same work by hand', same],
] as const) {
  console.log(
    `the service is ${(speed.wallMs / whole.wallMs).toFixed(2)} × ${loop} by the clock, ${(speed.cpuMs / whole.cpuMs).toFixed(2)} × by the processor's time`,
  );
}
await service.close();
await bus.close();
await engine.close();
await rm(folder, { recursive: true });

const scorer = await createScorer({ modelDirectory, engine: engineName });
const inputs = pictures.map(({ png, prompt }) => ({ imageBytes: png, prompt }));
await measure('score, all at once', count, () => scorer.score(inputs));
await measure('score again, from the caches', count, () => scorer.score(inputs));
await measure('score JPEG 1024 × 1024', 20, () =>
  scorer.score(
    Array.from({ length: 20 }, (_, index) => ({
      imageBytes: Buffer.concat([largeJpeg, Buffer.from([index])]),
      prompt: '',
    })),
  ),
);
await scorer.close();
if (modelDirectory !== asked) await rm(modelDirectory, { recursive: true });

/** Of one picture. */
interface Speed {
  readonly wallMs: number;
  /** Of all threads. */
  readonly cpuMs: number;
}

interface PictureFile {
  readonly path: string;
  readonly sha256: string;
  readonly prompt: string;
  readonly event: GenerationEvent;
}

/** Batches of 64 that are prepared already, and their texts. */
async function engineAlone(turn: readonly PictureFile[]): Promise<void> {
  const bytes = model.description.image.side ** 2 * 3;
  for (const batch of batchesOf(turn)) {
    const texts = engine.embedTexts(batch.map(({ prompt }) => model.tokenizer.encode(prompt).windows[0]));
    const pixels = engine.pixelBuffer(batch.length * bytes).fill(batch.length);
    await Promise.all([texts, engine.embedImages(pixels, batch.length)]);
  }
}

/** What has to be done for a score, without anything around it: one batch is made while the one before is computed. */
async function byHand(turn: readonly PictureFile[]): Promise<void> {
  const bytes = model.description.image.side ** 2 * 3;
  const work = { limits: defaultPictureLimits, preprocessing: preprocessing('exact', model.description.pictures) };
  let alignments = 0;
  let computed: Promise<unknown> = Promise.resolve();
  for (const batch of batchesOf(turn)) {
    const pixels = engine.pixelBuffer(batch.length * bytes);
    for (const [index, { path, sha256 }] of batch.entries()) {
      const picture = await readFile(path);
      if (createHash('sha256').update(picture).digest('hex') !== sha256) throw new Error(`${path} has changed`);
      await preparePicture(picture, work, { output: pixels, at: index * bytes });
    }
    const ids = batch.map(({ prompt }) => model.tokenizer.encode(prompt).windows[0]);
    await computed;
    computed = Promise.all([engine.embedTexts(ids), engine.embedImages(pixels, batch.length)]).then(
      ([texts, images]) => {
        for (let at = 0; at < texts.length; at += 1) alignments += texts[at]! * images[at]!;
      },
    );
  }
  await computed;
  if (!Number.isFinite(alignments)) throw new Error('the engine gives no finite embeddings');
}

function batchesOf(turn: readonly PictureFile[]): readonly (readonly PictureFile[])[] {
  return Array.from({ length: Math.ceil(turn.length / 64) }, (_, at) => turn.slice(at * 64, (at + 1) * 64));
}

/** Rows that the service publishes. */
function countRows(from: EventBus): { after(more: number): Promise<void> } {
  let wanted = 0;
  let seen = 0;
  let done: (() => void) | undefined;
  from.subscribe({
    group: 'bench',
    topics: [topics.imageScored.name],
    handler: async ({ records }: RecordBatch) => {
      seen += records.length;
      if (seen >= wanted) done?.();
    },
  });
  return {
    after: (more) => {
      wanted = seen + more;
      return new Promise((resolve) => (done = resolve));
    },
  };
}

/**
 * A picture of 1024 × 1024.
 * @param grain levels up and down, as photographs and generated pictures have them: flat colours are unpacked in a third of the time
 */
async function enlarged(png: Buffer, grain: number): Promise<Buffer> {
  const edge = 1024;
  const pixels = await sharp(png).resize(edge, edge).removeAlpha().raw().toBuffer();
  for (let at = 0; at < pixels.length; at += 1) {
    pixels[at] = Math.min(255, Math.max(0, pixels[at]! + Math.round(random.between(-grain, grain))));
  }
  return sharp(pixels, { raw: { width: edge, height: edge, channels: 3 } })
    .png()
    .toBuffer();
}

/** What is done with a large picture before the model sees it, decoding included, as a share of decoding it; both in this thread, by turns. */
async function measurePreparation(name: string, png: Buffer): Promise<void> {
  const { description } = await loadClipModel(modelDirectory);
  const steps = { ...description.pictures, side: 224, resize: { kind: 'crop', edge: 224 } } as const;
  const work = { limits: defaultPictureLimits, preprocessing: preprocessing('exact', steps) };
  const place = { output: new Uint8Array(224 ** 2 * 3), at: 0 };
  let [decodeMs, allMs] = [0, 0];
  for (let round = 0; round < 30; round += 1) {
    const decoded = await cpuMsOf(() => decodePicture(png));
    const prepared = await cpuMsOf(() => preparePicture(png, work, place));
    // The first ones are slower.
    if (round < 5) continue;
    decodeMs += decoded / 25;
    allMs += prepared / 25;
  }
  console.log(
    `PNG 1024 × 1024, ${name}, of ${Math.round(png.length / 1024)} KiB, ms of CPU: decoded ${decodeMs.toFixed(1)}, decoded and prepared exactly ${allMs.toFixed(1)}, ${(allMs / decodeMs).toFixed(2)} of the decoding alone`,
  );
}

async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const beforeMs = ownCpuMs();
  await work();
  return ownCpuMs() - beforeMs;
}

async function measure(what: string, pieces: number, work: () => Promise<unknown>): Promise<void> {
  tell(what, await speedOf(pieces, work));
}

async function speedOf(pieces: number, work: () => Promise<unknown>): Promise<Speed> {
  const startedAt = performance.now();
  const cpuMs = (await cpuMsOf(work)) / pieces;
  return { wallMs: (performance.now() - startedAt) / pieces, cpuMs };
}

function tell(what: string, { wallMs, cpuMs }: Speed): void {
  const perSecond = Math.round(1000 / wallMs).toString();
  console.log(
    `${what.padEnd(34)} ${perSecond.padStart(7)} pictures/s  ${cpuMs.toFixed(3)} ms of CPU each, all threads`,
  );
}

async function pictureFile(index: number, png: Buffer, prompt: string): Promise<PictureFile> {
  const path = join(folder, `${index}.png`);
  await writeFile(path, png);
  const sha256 = createHash('sha256').update(png).digest('hex');
  const image = {
    uri: pathToFileURL(path).href,
    sha256,
    format: 'png',
    width: side,
    height: side,
    bytes: png.length,
  } as const;
  const event = deliveredGeneration({ number: index, source: 'bench', timeMs: 0, prompt, image });
  return { path, sha256, prompt, event };
}
