import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyCheckpoint, tinySiglip, writeTinyCheckpoint, writeTinySiglip } from '#libs/testing/tiny-clip';
import { loadClipModel, type ClipModel } from '../model/model-directory.js';
import { chooseEngine, type EngineName } from './choose-engine.js';
import type { EmbeddingEngine } from './engine.js';
import { goldenPixels, readGolden, type GoldenEmbeddings } from './golden.js';
import { expectGolden } from './self-test.js';
import { missingPackage } from './tfjs/tfjs-backend.js';

/** Those that a machine may lack are tried where they are installed. */
const here = (['tfjs-wasm', 'tfjs-node'] as const).filter((name) => missingPackage(name) === undefined);
/** Engines on a device, by name: ENGINES=tfjs-webgpu, with VK_DRIVER_FILES where its driver is not installed. */
const asked = (process.env['ENGINES'] ?? '').split(',').filter(Boolean) as EngineName[];

let model: ClipModel;
let golden: GoldenEmbeddings;
let tiny: string;
let reference: EmbeddingEngine;

beforeAll(async () => {
  model = await loadClipModel('models/scenes-clip');
  golden = (await readGolden(model.directory))!;
  tiny = await mkdtemp(join(tmpdir(), 'teststrip-conformance-'));
  reference = await started('onnx', model);
});
afterAll(async () => {
  await reference.close();
  await rm(tiny, { recursive: true });
});

it('WebAssembly is among the engines that are held against each other', () => expect(here).toContain('tfjs-wasm'));

describe.each<EngineName>(['onnx', ...here, ...asked])('the engine %s', (name) => {
  let engine: EmbeddingEngine;

  beforeAll(async () => {
    engine = await started(name, model);
  }, 120_000);
  afterAll(() => engine.close());

  it('gives the golden embeddings, which PyTorch computed, and is found out when it does not', async () => {
    await expectGolden(engine, golden, model.description, 'f32');
    const turned = golden.pictures.map((row) => [...row.slice(1), row[0]!]);
    await expect(expectGolden(engine, { ...golden, pictures: turned }, model.description, 'f32')).rejects.toThrow(
      /computes wrongly: its embedding of golden picture 0 has cosine .*, expected at least 0.9999/,
    );
  });

  it('gives unit vectors, the same in batches of any size', async () => {
    const { image, dimension } = model.description;
    const alone = await engine.embedImages(goldenPixels(1, image.side), 1);
    for (const count of [2, 5, 17]) {
      const rows = await engine.embedImages(goldenPixels(count, image.side), count);
      expect(rows.length).toBe(count * dimension);
      for (const row of unitRows(rows, dimension)) expect(dot(row, row)).toBeCloseTo(1, 5);
      expect(dot(rows.subarray(0, dimension), alone)).toBeGreaterThan(0.999999);
    }
    expect((await engine.embedImages(new Uint8Array(0), 0)).length).toBe(0);
    expect((await engine.embedTexts([])).length).toBe(0);
  });

  it('computes on memory that came back from it as on new memory', async () => {
    const { image, dimension } = model.description;
    const filled = (count: number): Uint8Array<ArrayBuffer> => {
      const pixels = engine.pixelBuffer(count * image.side ** 2 * 3);
      pixels.set(goldenPixels(count, image.side));
      return pixels;
    };
    const [alone] = unitRows(await engine.embedImages(goldenPixels(1, image.side), 1), dimension);
    await engine.embedImages(filled(80), 80);
    const fewer = filled(77);
    expect(fewer.buffer.byteLength, 'the memory of the 80').toBe(80 * image.side ** 2 * 3);
    const rows = unitRows(await engine.embedImages(fewer, 77), dimension);
    expect(rows.length).toBe(77);
    expect(dot(rows[0]!, alone!)).toBeGreaterThan(0.999999);
    const [last] = unitRows(
      await engine.embedImages(goldenPixels(77, image.side).slice(76 * image.side ** 2 * 3), 1),
      dimension,
    );
    expect(dot(rows[76]!, last!)).toBeGreaterThan(0.999999);
  });

  it('reads texts of any length beside each other, up to their first end', async () => {
    const { endOfText, contextLength, vocabulary } = model.description.text;
    const start = vocabulary - 2;
    const ids = [0, 1, 9, contextLength - 2].map((count) => Int32Array.of(start, ...words(count), endOfText));
    const endedTwice = Int32Array.of(start, ...words(1), endOfText, ...words(3), endOfText);
    const rows = unitRows(await engine.embedTexts([...ids, endedTwice]), model.description.dimension);
    const expected = unitRows(await reference.embedTexts(ids), model.description.dimension);
    for (const [at, row] of expected.entries()) expect(dot(row, rows[at]!)).toBeGreaterThan(0.9999);
    expect(dot(rows[1]!, rows[4]!)).toBeGreaterThan(0.9999);
  });

  it('refuses a token that the model does not have, and goes on', async () => {
    const { endOfText, vocabulary } = model.description.text;
    const bad = Int32Array.of(vocabulary - 2, vocabulary + 900, endOfText);
    const good = Int32Array.of(vocabulary - 2, 5, endOfText);
    await expect(engine.embedTexts([good, bad])).rejects.toThrow(/the engine .* failed/);
    expect((await engine.embedTexts([good])).every(Number.isFinite)).toBe(true);
  });

  it.each(['gelu', 'gelu_new', 'quick_gelu'])(
    'agrees with onnx on a checkpoint with %s whose pictures are no multiple of a patch',
    async (activation) => {
      const folder = join(tiny, activation);
      await writeTinyCheckpoint(folder, { activation, parts: 2 });
      const { side } = tinyCheckpoint;
      await expectAgreement(name, folder, {
        side,
        ids: (end) => [Int32Array.of(0, 5, end), Int32Array.of(0, 7, 4, 3, end)],
      });
    },
  );

  it('agrees with onnx on a SigLIP', async () => {
    const folder = join(tiny, 'siglip');
    await writeTinySiglip(folder);
    const { side, contextLength } = tinySiglip;
    const ids = (end: number) => [
      new Int32Array(contextLength).fill(0).with(0, 5).with(1, end),
      new Int32Array(contextLength).fill(7).with(9, end),
    ];
    await expectAgreement(name, folder, { side, ids });
  });
});

async function expectAgreement(
  name: EngineName,
  folder: string,
  { side, ids }: { readonly side: number; readonly ids: (endOfText: number) => readonly Int32Array[] },
): Promise<void> {
  const checkpoint = await loadClipModel(folder);
  const { text, dimension } = checkpoint.description;
  const [one, other] = [await started('onnx', checkpoint), await started(name, checkpoint)];
  for (const embed of [
    (from: EmbeddingEngine) => from.embedImages(goldenPixels(3, side), 3),
    (from: EmbeddingEngine) => from.embedTexts(ids(text.endOfText)),
  ]) {
    const rows = unitRows(await embed(other), dimension);
    for (const [at, row] of unitRows(await embed(one), dimension).entries()) {
      expect(dot(row, rows[at]!)).toBeGreaterThan(0.99999);
    }
  }
  await Promise.all([one.close(), other.close()]);
}

function words(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => (at * 7) % 30);
}

async function started(name: EngineName, of: ClipModel): Promise<EmbeddingEngine> {
  const { kind } = await chooseEngine(name);
  return kind.start(of, { threads: 1 });
}

function unitRows(rows: Float32Array, width: number): readonly Float32Array[] {
  return Array.from({ length: rows.length / width }, (_, row) => rows.subarray(row * width, (row + 1) * width));
}

function dot(left: Float32Array, right: Float32Array): number {
  return left.reduce((sum, value, at) => sum + value * right[at]!, 0);
}
