/**
 * Holds what transformers and open_clip computed against what Teststrip computes of the same checkpoints, and prints the table.
 *
 *   npx tsx --conditions teststrip-source tools/agreement/compare.ts FOLDER [ENGINE=onnx]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  chooseEngine,
  convertCheckpoint,
  decodePicture,
  defaultPictureLimits,
  goldenPixels,
  loadClipModel,
  preprocessing,
  type EngineName,
} from '#libs/scoring';

type Model = Awaited<ReturnType<typeof loadClipModel>>;

/** What `write_checkpoints.py` computed. Embeddings are unit vectors. */
interface Expected {
  /** Of all texts, start and end included, not padded; null where another program cleans texts before. */
  readonly ids: readonly (readonly number[])[] | null;
  /** Of the texts that were embedded, where `ids` says nothing. */
  readonly embedded: readonly (readonly number[])[] | null;
  readonly images: readonly (readonly number[])[];
  readonly texts: readonly (readonly number[])[];
}

const LOWEST_COSINE = 0.99999;

const [folder, engineName = 'onnx'] = process.argv.slice(2) as [string, EngineName?];
const versions = JSON.parse(readFileSync(join(folder, 'versions.json'), 'utf8')) as Record<string, string>;
const texts = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8')) as readonly string[];
const { kind } = await chooseEngine(engineName);
let failures = 0;

console.log(`# Agreement with transformers and open_clip

Checkpoints with random weights by \`write_checkpoints.py\` (${Object.entries(versions)
  .map(([name, version]) => `${name} ${version}`)
  .join(', ')}), computed by \`${engineName}\` on Node ${process.versions.node}.
1 − cosine is the worst of four pictures and of four texts, in f32. Squares are what the tower sees of ${pictureFiles().length} pictures of other sizes, as Pillow up to 12 resizes (13 shrinks tall
pictures in the other order, which rounds some of their bytes otherwise). Token ids are
those of ${texts.length} texts of many scripts, signs and blanks, cut to the model's length. open_clip repairs texts (ftfy, HTML) before it cuts them: its ids are not compared.

| checkpoint | weights come as | 1 − cosine, pictures | 1 − cosine, texts | squares, bytes that differ | texts with other ids |
|---|---|---|---|---|---|`);
for (const name of readdirSync(folder).sort()) if (existsSync(join(folder, name, 'expected.json'))) await compare(name);
process.exitCode = failures === 0 ? 0 : 1;

async function compare(name: string): Promise<void> {
  const directory = join(folder, name);
  const form = weightsForm(directory);
  if (!readdirSync(directory).some((file) => file.includes('.safetensors')))
    await convertCheckpoint({ from: directory });
  const expected = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8')) as Expected;
  const model = await loadClipModel(directory);
  const engine = await kind.start(model, { threads: 2 });
  const count = expected.images.length;
  const images = await engine.embedImages(goldenPixels(count, model.description.image.side), count);
  const ids = (expected.embedded ?? texts.slice(0, count).map((text) => model.tokenizer.encode(text).windows[0])).map(
    (row) => Int32Array.from(row),
  );
  const embedded = await engine.embedTexts(ids);
  await engine.close();
  const worst = [worstOf(images, expected.images), worstOf(embedded, expected.texts)];
  const bytes = await otherBytes(directory, model);
  const others = expected.ids === null ? null : otherIds(model, expected.ids);
  if (worst.some((difference) => !(difference <= 1 - LOWEST_COSINE)) || bytes > 0 || (others ?? 0) > 0) failures += 1;
  const [pictureCell, textCell] = worst.map((difference) => difference.toExponential(1));
  console.log(`| ${name} | ${form} | ${pictureCell} | ${textCell} | ${bytes} | ${others ?? '–'} |`);
}

function weightsForm(directory: string): string {
  const names = readdirSync(directory);
  const pickled = names.find((name) => /\.(?:bin|pt)$/.test(name));
  if (pickled !== undefined) return `\`${pickled}\`, converted`;
  const parts = names.filter((name) => name.endsWith('.safetensors')).length;
  return parts === 1 ? 'safetensors' : `safetensors, ${parts} parts`;
}

/** 1 − the lowest cosine of a row and the one expected. */
function worstOf(rows: Float32Array, expected: readonly (readonly number[])[]): number {
  return Math.max(
    ...expected.map((row, at) => {
      const found = rows.subarray(at * row.length, (at + 1) * row.length);
      return 1 - row.reduce((sum, value, index) => sum + value * found[index]!, 0) / Math.hypot(...found);
    }),
  );
}

async function otherBytes(directory: string, { description }: Model): Promise<number> {
  const { side } = description.pictures;
  const steps = preprocessing('exact', description.pictures);
  const expected = readFileSync(join(directory, 'squares.raw'));
  let others = 0;
  for (const [number, file] of pictureFiles().entries()) {
    const picture = await decodePicture(readFileSync(join(folder, file)), defaultPictureLimits);
    // Panoramas are seen whole by Teststrip and cut by the others: none is among them.
    const square = new Uint8Array(side * side * 3);
    await steps.apply(picture, { output: square, at: 0 });
    square.forEach((value, at) => (others += value === expected[number * square.length + at] ? 0 : 1));
  }
  return others;
}

function pictureFiles(): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^picture-\d+\.png$/.test(name))
    .sort();
}

function otherIds(model: Model, expected: readonly (readonly number[])[]): number {
  return texts.filter((text, at) => {
    const [first] = model.tokenizer.encode(text).windows;
    const wanted = expected[at]!;
    const isSame = wanted.every((id, place) => first[place] === id);
    if (!isSame && process.env['SHOW'] !== undefined) {
      console.error(JSON.stringify({ text, expected: wanted, found: [...first].slice(0, wanted.length) }));
    }
    return !isSame;
  }).length;
}
