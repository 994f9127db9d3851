/**
 * One engine on one model with a reference by PyTorch: agreement, conformance, images per second through the engine's thread and, for
 * ONNX Runtime, of the bare graph. What was measured is written after every part, so that a limit of time loses the rest only.
 *
 *   node measure.js ENGINE PRECISION MODEL RESULT.json [BATCHES=1,16,64,256] [SECONDS=1]
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { chooseEngine, loadClipModel, type EngineName, type EnginePrecision } from '#libs/scoring';

type Engine = Awaited<ReturnType<Awaited<ReturnType<typeof chooseEngine>>['kind']['start']>>;

/** `reference.json` of a model that `write_models.py` wrote; embeddings are unit vectors. */
interface Reference {
  readonly ids: readonly (readonly number[])[];
  readonly images: readonly (readonly number[])[];
  readonly texts: readonly (readonly number[])[];
  /** Multiplications and additions of the image tower for one picture, in 10⁹. */
  readonly gflopPerImage: number;
}

/** Most that 1 − cosine may be between two batches of one engine. */
const LARGEST_DIFFERENCE = { f32: 1e-5, f16: 1e-3 } as const;
/** Also ones that are none of the sizes in which graphs are run. */
const CONFORMANCE_BATCHES = [1, 3, 5, 16, 33, 64, 70];

const [engineName, precision, directory, resultFile, batchList = '1,16,64,256', secondsEach = '1'] = process.argv.slice(
  2,
) as [EngineName, EnginePrecision, string, string, string?, string?];
const batches = batchList.split(',').map(Number);
const threads = engineName === 'onnx' ? availableParallelism() : 1;
const result: Record<string, unknown> = { engine: engineName, precision, model: directory };

const model = await loadClipModel(directory);
const { image, dimension } = model.description;
const pictureBytes = image.side ** 2 * 3;
const reference = JSON.parse(readFileSync(join(directory, 'reference.json'), 'utf8')) as Reference;
const pixels = new Uint8Array(readFileSync(join(directory, 'reference.pixels')));

const { kind, reason } = await chooseEngine(engineName);
const startedAt = performance.now();
const engine = await kind.start(model, { threads, precision });
save({ engine: engine.name, reason, startMs: Math.round(performance.now() - startedAt) });
save(await agreement(engine));
const found = [...(await batchProblems(engine)), ...(await textProblems(engine))];
save({ conformance: found.length === 0 ? 'passed' : found.slice(0, 10) });
const throughEngine: Record<number, number> = {};
for (const size of batches) {
  throughEngine[size] = await engineRate(engine, size);
  save({ engineImagesPerSecond: throughEngine, engineTeraflopPerSecond: teraflops(throughEngine) });
}
await engine.close();
if (engineName.startsWith('onnx')) await measureGraph();
process.exit(0);

async function agreement(from: Engine): Promise<Record<string, number>> {
  const images = rowsOf(await from.embedImages(pixels.slice(), reference.images.length));
  const texts = rowsOf(await from.embedTexts(reference.ids.map((ids) => Int32Array.from(ids))));
  return {
    imagesWorst1MinusCosine: largestDifference(images, reference.images),
    textsWorst1MinusCosine: largestDifference(texts, reference.texts),
  };
}

/** Each picture has its own embedding, of length 1, whatever stands beside it. */
async function batchProblems(from: Engine): Promise<readonly string[]> {
  const count = reference.images.length;
  const alone = rowsOf(await from.embedImages(pixels.slice(), count));
  const problems: string[] = [];
  for (const size of CONFORMANCE_BATCHES) {
    const rows = rowsOf(await from.embedImages(repeated(size), size));
    if (rows.length !== size) problems.push(`batch of ${size}: ${rows.length} rows`);
    for (const [at, row] of rows.entries()) {
      if (!(Math.abs(Math.hypot(...row) - 1) < 1e-3)) problems.push(`batch of ${size}, row ${at}: length is not 1`);
      if (!(1 - cosine(row, alone[at % count]!) < LARGEST_DIFFERENCE[precision])) {
        problems.push(`batch of ${size}, row ${at}: another embedding than alone`);
      }
    }
  }
  return problems;
}

/** A text's embedding does not depend on the length of those beside it. */
async function textProblems(from: Engine): Promise<readonly string[]> {
  const { family } = model.description;
  const { endOfText, contextLength } = model.description.text;
  const problems: string[] = [];
  // A SigLIP's texts are all as long as its tower reads them.
  const short = family === 'siglip' ? new Int32Array(contextLength).fill(endOfText) : Int32Array.of(320, endOfText);
  for (const length of family === 'siglip' ? [contextLength] : [2, 7, contextLength]) {
    const ids = Int32Array.from({ length }, (_, at) => (at === length - 1 ? endOfText : 1000 + at));
    const [alone] = rowsOf(await from.embedTexts([ids]));
    const beside = rowsOf(await from.embedTexts([ids, short, ids]));
    if (!(1 - cosine(alone!, beside[2]!) < LARGEST_DIFFERENCE.f16)) problems.push(`text of ${length} tokens`);
  }
  return problems;
}

/** Two batches are always under way, as in the scorer: one computes while the other is filled. @returns images per second */
async function engineRate(from: Engine, size: number): Promise<number> {
  const batch = repeated(size);
  const run = async (): Promise<void> => {
    const room = from.pixelBuffer(batch.length);
    room.set(batch);
    await from.embedImages(room, size);
  };
  return rate(size, 2, run);
}

/** The graph that the engine runs, called without its thread. */
async function measureGraph(): Promise<void> {
  const provider = engineName === 'onnx' ? 'cpu' : engineName.slice('onnx-'.length);
  const session = await InferenceSession.create(graphFile(), {
    executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
  });
  const bare: Record<number, number> = {};
  for (const size of batches) {
    const feeds = { pixels: new Tensor('uint8', repeated(size), [size, image.side, image.side, 3]) };
    bare[size] = await rate(size, 1, () => session.run(feeds));
    save({ graphImagesPerSecond: bare, graphTeraflopPerSecond: teraflops(bare) });
  }
}

/** Written beside the weights when the engine started. */
function graphFile(): string {
  const folder = readdirSync(join(directory, '.teststrip')).find((name) => name.includes(`-${precision}-`));
  if (folder === undefined) throw new Error(`${directory}/.teststrip holds no graphs in ${precision}`);
  return join(directory, '.teststrip', folder, 'image.onnx');
}

async function rate(size: number, lanes: number, run: () => Promise<unknown>): Promise<number> {
  // Shapes are compiled and memory is taken with the first ones.
  await run();
  await run();
  let done = 0;
  const from = performance.now();
  const lane = async (): Promise<void> => {
    while (performance.now() - from < Number(secondsEach) * 1000) {
      await run();
      done += size;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return Math.round((done / (performance.now() - from)) * 1000);
}

function teraflops(speeds: Readonly<Record<number, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(speeds).map(([size, speed]) => [
      size,
      Number(((speed * reference.gflopPerImage) / 1000).toPrecision(3)),
    ]),
  );
}

/** The reference's pictures again and again. */
function repeated(size: number): Uint8Array<ArrayBuffer> {
  const batch = new Uint8Array(size * pictureBytes);
  for (let at = 0; at < batch.length; at += pixels.length) {
    batch.set(pixels.subarray(0, Math.min(pixels.length, batch.length - at)), at);
  }
  return batch;
}

function rowsOf(embeddings: Float32Array): readonly Float32Array[] {
  return Array.from({ length: embeddings.length / dimension }, (_, row) =>
    embeddings.subarray(row * dimension, (row + 1) * dimension),
  );
}

function largestDifference(rows: readonly Float32Array[], expected: readonly (readonly number[])[]): number {
  return Math.max(...expected.map((one, row) => 1 - cosine(one, rows[row]!)));
}

function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let [product, lefts, rights] = [0, 0, 0];
  for (let at = 0; at < left.length; at += 1) {
    product += left[at]! * right[at]!;
    lefts += left[at]! ** 2;
    rights += right[at]! ** 2;
  }
  return product / Math.sqrt(lefts * rights);
}

function save(parts: Readonly<Record<string, unknown>>): void {
  Object.assign(result, parts);
  writeFileSync(resultFile, JSON.stringify(result, null, 1));
}
