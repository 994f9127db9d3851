import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { safetensorsHeader, tinyCheckpoint, writeTinyCheckpoint, type TensorShapes } from '#libs/testing/tiny-clip';
import { loadClipModel } from '../model/model-directory.js';
import { addHead } from './add-head.js';
import { applyHead, networkHead, withFoldedLayers, type NetworkHead } from './quality-head.js';
import { applyTextHead } from './text-head.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-heads-'));
  await writeTinyCheckpoint(directory);
});
afterEach(() => rm(directory, { recursive: true }));

const embedding = Float32Array.from({ length: tinyCheckpoint.dimension }, (_, at) => at / 10);
/** As LAION's aesthetic v2: linear layers one after the other, dropouts between them. */
const layers: TensorShapes = [
  ['layers.10.bias', [1]],
  ['layers.10.weight', [1, 3]],
  ['layers.2.bias', [3]],
  ['layers.2.weight', [3, tinyCheckpoint.dimension]],
];

async function writeHead(tensors: TensorShapes): Promise<string> {
  // What lies in the model's folder itself is part of its embeddings.
  await mkdir(join(directory, 'downloads'), { recursive: true });
  const file = join(directory, 'downloads', 'aesthetic.safetensors');
  const numbers = tensors.map(([, shape]) =>
    Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, at) => (at - 5) / 4),
  );
  await writeFile(
    file,
    Buffer.concat([safetensorsHeader(tensors), ...numbers.map(({ buffer }) => Buffer.from(buffer))]),
  );
  return file;
}

const options = { name: 'aesthetic', activation: 'none', output: 'score' } as const;

describe('addHead', () => {
  it('takes the layers in the order of their numbers, and binds them to the embeddings', async () => {
    const before = await loadClipModel(directory);
    const file = await writeHead(layers);
    await addHead(directory, { ...options, file });
    await rm(file);
    const model = await loadClipModel(directory);
    expect(model.embeddingDigest).toBe(before.embeddingDigest);
    expect(model.digest).not.toBe(before.digest);
    const [head] = model.heads as [NetworkHead];
    expect(head).toMatchObject({ name: 'aesthetic', embedding: model.embeddingDigest });
    const [inner, outer] = [[-5, -4, -3], [-5]].map((values) => values.map((value) => value / 4));
    const hidden = [0, 1, 2].map((row) =>
      embedding.reduce((sum, value, at) => sum + value * ((row * embedding.length + at - 5) / 4), inner![row]!),
    );
    const expected = hidden.reduce((sum, value, at) => sum + value * ((at - 5) / 4), outer![0]!);
    expect(applyHead(head, embedding)).toBeCloseTo(expected, 6);
  });

  it('is refused on other embeddings than its own, whatever the model is called', async () => {
    await addHead(directory, { ...options, file: await writeHead(layers) });
    const weights = await readFile(join(directory, 'model.safetensors'));
    weights.writeFloatLE(0.25, weights.length - 4);
    await writeFile(join(directory, 'model.safetensors'), weights);
    await expect(loadClipModel(directory)).rejects.toThrow(
      /"aesthetic" was trained on the embeddings [0-9a-f]{64}, those of/,
    );
  });

  it('takes a head with its numbers in JSON at its word where it says what it was trained on', async () => {
    const file = join(directory, '..', `${basename(directory)}-taste.json`);
    const layer = { weight: [Array.from({ length: tinyCheckpoint.dimension }, () => 1)], bias: [0] };
    const taste = { name: 'x', output: 'score', layers: [layer], embedding: 'ab'.repeat(32) };
    await writeFile(file, JSON.stringify(taste));
    await expect(addHead(directory, { ...options, file })).rejects.toThrow(/trained on the embeddings (ab){32}, those/);
    await writeFile(file, JSON.stringify({ ...taste, embedding: undefined }));
    await addHead(directory, { ...options, file });
    const { heads, embeddingDigest } = await loadClipModel(directory);
    expect(heads).toMatchObject([{ name: 'aesthetic', embedding: embeddingDigest }]);
    await rm(file);
  });

  it.each([
    ['no chain of layers', [['weight', [1, 6]]] as TensorShapes, 'is no chain of linear layers'],
    [
      'a head of longer embeddings',
      [
        ['weight', [1, 7]],
        ['bias', [1]],
      ] as TensorShapes,
      'takes 7 numbers',
    ],
    [
      'several scores',
      [
        ['weight', [2, 6]],
        ['bias', [2]],
      ] as TensorShapes,
      'exactly one number',
    ],
  ])('leaves nothing behind of %s', async (_name, tensors, message) => {
    const file = await writeHead(tensors);
    await expect(addHead(directory, { ...options, file })).rejects.toThrow(message);
    expect((await loadClipModel(directory)).heads).toEqual([]);
  });
});

describe('withFoldedLayers', () => {
  it('gives the same score with fewer products, and keeps what lies between activations', () => {
    const one = {
      weight: [
        [1, 2],
        [3, -4],
        [0.5, 0],
      ],
      bias: [1, -1, 0],
    };
    const head = networkHead.parse({
      name: 'a',
      output: 'probability',
      layers: [
        one,
        {
          weight: [
            [1, 1, 1],
            [2, 0, -1],
          ],
          bias: [0, 3],
          activation: 'relu',
        },
        { weight: [[1, -1]], bias: [0.5], activation: 'sigmoid' },
      ],
    });
    const folded = withFoldedLayers(head);
    expect(folded.layers.length).toBe(2);
    for (const input of [
      [0.3, -0.2],
      [-1, 1],
    ]) {
      expect(applyHead(folded, Float32Array.from(input))).toBeCloseTo(applyHead(head, Float32Array.from(input)), 12);
    }
  });
});

describe('applyTextHead', () => {
  it('gives the probability of the first of two texts', () => {
    const head = { name: 'quality', contrast: ['Good photo.', 'Bad photo.'] as [string, string] };
    const similarity = { kind: 'softmax', scale: 100 } as const;
    expect(applyTextHead(head, [0.21, 0.2], similarity)['quality']).toBeCloseTo(1 / (1 + Math.exp(-1)), 9);
  });

  it('gives concepts that sum to 1, or stand each for itself', () => {
    const head = { name: 'kind', concepts: { photo: 'a photo', drawing: 'a drawing' } };
    const together = applyTextHead(head, [0.3, 0.2], { kind: 'softmax', scale: 10 });
    expect(together['kind:photo']! + together['kind:drawing']!).toBeCloseTo(1, 12);
    const alone = applyTextHead(head, [0.1, 0.1], { kind: 'sigmoid', scale: 100, bias: -10 });
    expect(alone).toEqual({ 'kind:photo': 0.5, 'kind:drawing': 0.5 });
  });
});
