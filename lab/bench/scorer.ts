/**
 * How many pictures a second the scorer carries: decoding alone, the engine alone in a bare loop, the whole library, and the whole
 * service from picture files to published rows, as a share of that loop. Every picture and every prompt is another one, so no cache helps.
 *
 *   npm run bench:scorer -- [pictures=2000] [modelDirectory=models/scenes-clip | random-b32] [engine=auto]
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { scorerApp, type GenerationEvent } from '#apps/scorer';
import { encodeEvent, topics } from '#libs/contracts';
import { createEventBus, ensureTopics, type RecordBatch } from '#libs/messaging';
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
const large = await sharp(pictures[0]!.png).resize(1024, 1024).png().toBuffer();
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
await measurePreparation();

const bare = await bareLoop();
const scorer = await createScorer({ modelDirectory, engine: engineName });
const inputs = pictures.map(({ png, prompt }) => ({ imageBytes: png, prompt }));
await measure('score', count, () => scorer.score(inputs), bare);
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

const folder = await mkdtemp(join(tmpdir(), 'teststrip-bench-'));
const events = await Promise.all(pictures.map(async ({ png, prompt }, index) => generation(index, png, prompt)));
const bus = await createEventBus({ carrier: 'memory' });
await ensureTopics(bus, 4);
await bus.publish(events.map(encodeEvent));
const scored = new Promise<void>((resolve) => {
  let rows = 0;
  const handler = async (batch: RecordBatch): Promise<void> => {
    rows += batch.records.length;
    if (rows >= count) resolve();
  };
  bus.subscribe({ group: 'bench', topics: [topics.imageScored.name], handler });
});
const startOfService = performance.now();
const service = await startApp(scorerApp, {
  resources: { bus },
  settings: { modelDirectory, engine: engineName, roots: [folder] },
});
console.log(`the service is warm after ${Math.round(performance.now() - startOfService)} ms`);
await measure('event → file → score → event', count, () => scored, bare);
await service.close();
await bus.close();
await rm(folder, { recursive: true });
if (modelDirectory !== asked) await rm(modelDirectory, { recursive: true });

/** The engine alone, fed with as many pictures and the same texts in batches of 64 that are prepared already. @returns pictures a second */
async function bareLoop(): Promise<number> {
  const { kind, reason } = await chooseEngine(engineName);
  const model = await loadClipModel(modelDirectory);
  const engine = await kind.start(model, { threads: 1 });
  console.log(`${engine.name}: ${reason}`);
  const bytes = model.description.image.side ** 2 * 3;
  const ids = pictures.map(({ prompt }) => model.tokenizer.encode(prompt).windows[0]);
  const speed = await measure(`bare loop over ${engine.name}`, count, async () => {
    for (let left = count; left > 0; left -= 64) {
      const size = Math.min(64, left);
      const texts = engine.embedTexts(ids.slice(count - left, count - left + size));
      await Promise.all([texts, engine.embedImages(engine.pixelBuffer(size * bytes).fill(left), size)]);
    }
  });
  await engine.close();
  return speed;
}

/** What is done with a large picture before the model sees it, decoding included, as a share of decoding it; both in this thread, by turns. */
async function measurePreparation(): Promise<void> {
  const { description } = await loadClipModel(modelDirectory);
  const steps = { ...description.pictures, side: 224, resize: { kind: 'crop', edge: 224 } } as const;
  const work = { limits: defaultPictureLimits, preprocessing: preprocessing('exact', steps) };
  const place = { output: new Uint8Array(224 ** 2 * 3), at: 0 };
  let [decodeMs, allMs] = [0, 0];
  for (let round = 0; round < 30; round += 1) {
    const decoded = await cpuMsOf(() => decodePicture(large));
    const prepared = await cpuMsOf(() => preparePicture(large, work, place));
    // The first ones are slower.
    if (round < 5) continue;
    decodeMs += decoded / 25;
    allMs += prepared / 25;
  }
  console.log(
    `PNG 1024 × 1024, ms of CPU: decoded ${decodeMs.toFixed(1)}, decoded and prepared exactly ${allMs.toFixed(1)}, ${(allMs / decodeMs).toFixed(2)} of the decoding alone`,
  );
}

async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const beforeMs = ownCpuMs();
  await work();
  return ownCpuMs() - beforeMs;
}

/** @param beside pictures a second that count as 1 @returns pictures a second */
async function measure(what: string, pieces: number, work: () => Promise<unknown>, beside?: number): Promise<number> {
  const startedAt = performance.now();
  const cpuMs = (await cpuMsOf(work)) / pieces;
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${what.padEnd(34)} ${Math.round(pieces / seconds)
      .toString()
      .padStart(
        7,
      )} pictures/s  ${cpuMs.toFixed(3)} ms of CPU each, all threads${beside === undefined ? '' : `, ${(pieces / seconds / beside).toFixed(2)} of the bare loop`}`,
  );
  return pieces / seconds;
}

async function generation(index: number, png: Buffer, prompt: string): Promise<GenerationEvent> {
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
  return deliveredGeneration({ number: index, source: 'bench', timeMs: 0, prompt, image });
}
