import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tinyCheckpoint, tinySiglip, writeTinyCheckpoint, writeTinySiglip } from '#libs/testing/tiny-clip';
import { loadClipModel } from '../model/model-directory.js';
import type { EnginePrecision } from './graph-builder.js';
import { towerFiles, type TowerFiles } from './tower-files.js';

/** What transformers 5.24 computes: tools/agreement/tiny_checkpoint.py. Two pictures, two texts. */
const golden: Readonly<Record<string, readonly (readonly (readonly number[])[])[]>> = {
  quick_gelu: [
    [
      [-0.492903, 0.226292, 0.33926, -0.178542, 0.526384, -0.530833],
      [-0.456658, 0.315859, 0.484334, -0.165301, 0.428855, -0.49586],
    ],
    [
      [0.206472, 0.093838, -0.001956, -0.323003, -0.768533, 0.503572],
      [-0.076768, -0.23818, -0.035532, -0.392551, -0.800774, 0.375206],
    ],
  ],
  gelu: [
    [
      [-0.490072, 0.225303, 0.339744, -0.181031, 0.525594, -0.533498],
      [-0.455135, 0.318075, 0.482525, -0.16341, 0.427881, -0.499064],
    ],
    [
      [0.207852, 0.085728, -0.009086, -0.323551, -0.76968, 0.502267],
      [-0.07652, -0.231751, -0.034768, -0.39532, -0.801805, 0.374244],
    ],
  ],
  gelu_new: [
    [
      [-0.490026, 0.225347, 0.339804, -0.181003, 0.525602, -0.533486],
      [-0.455138, 0.318062, 0.482484, -0.163426, 0.427917, -0.499074],
    ],
    [
      [0.208134, 0.08554, -0.009314, -0.323485, -0.76984, 0.501977],
      [-0.076495, -0.231685, -0.034784, -0.395373, -0.801811, 0.374218],
    ],
  ],
};

/** The same of a SigLIP: `tools/agreement/tiny_checkpoint.py siglip`. */
const siglip = [
  [
    [
      0.135824, 0.160655, 0.124463, 0.060016, 0.168838, 0.125096, 0.551079, 0.090191, 0.052203, -0.204715, -0.077006,
      -0.246374, -0.228772, 0.017744, -0.285939, 0.004697, 0.271524, 0.223073, -0.403978, -0.122687, -0.033547,
      -0.024052, -0.134152, 0.116344,
    ],
    [
      0.061123, 0.255148, 0.249044, 0.093275, 0.289603, 0.018407, 0.555036, -0.201098, 0.106965, -0.150786, -0.229132,
      -0.13464, -0.25005, -0.020124, -0.085506, 0.146381, 0.165178, 0.168173, -0.342088, -0.09375, -0.160769, 0.086524,
      -0.123481, 0.035929,
    ],
  ],
  [
    [
      -0.128569, -0.219643, 0.07335, -0.151595, 0.167049, -0.08409, 0.082417, 0.050587, -0.123592, -0.445497, 0.294367,
      -0.128918, 0.237268, 0.349452, -0.32856, 0.099812, 0.339461, 0.155063, 0.233078, -0.021326, -0.024179, 0.147423,
      0.092579, 0.155723,
    ],
    [
      -0.114241, -0.234623, -0.072278, -0.204037, 0.221463, -0.153899, 0.048794, 0.179955, -0.169525, -0.460814,
      0.340862, -0.027881, 0.051991, 0.322461, -0.290633, -0.051576, 0.342464, 0.143351, 0.138145, -0.139751, -0.051928,
      0.113772, 0.13523, 0.123745,
    ],
  ],
] as const;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-graphs-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('graphs written from the weights', () => {
  it.each(Object.keys(golden))('compute what transformers computes, with %s', async (activation) => {
    await writeTinyCheckpoint(directory, { activation });
    const [images, texts] = await embed(await graphs('f32'));
    expectClose([...images, ...texts], golden[activation]!.flat(), 2e-5);
  });

  it.each([
    ['f32', 2e-5],
    ['f16', 5e-3],
  ] as const)('compute what transformers computes of a SigLIP, in %s', async (precision, by) => {
    await writeTinySiglip(directory);
    const ids = [4, 7, 8, 1, 0, 0, 0, 0, 0, 0, 4, 11, 2, 9, 10, 1, 0, 0, 0, 0];
    const [images, texts] = await embed(await graphs(precision), { ids, dimension: tinySiglip.dimension });
    expectClose([...images, ...texts], siglip.flat(), by);
  });

  it('compute nearly the same in half precision', async () => {
    await writeTinyCheckpoint(directory);
    const [images, texts] = await embed(await graphs('f16'));
    expectClose([...images, ...texts], golden['quick_gelu']!.flat(), 5e-3);
  });

  it('are the same from sharded weights, and are written once', async () => {
    await writeTinyCheckpoint(directory, { parts: 2 });
    const files = await graphs('f32');
    await writeFile(`${files.image}.seen`, '');
    expect(await graphs('f32')).toEqual(files);
    expect(await readdir(join(files.image, '..'))).toEqual([
      'image.onnx',
      'image.onnx.data',
      'image.onnx.seen',
      'text.onnx',
      'text.onnx.data',
    ]);
    const [images] = await embed(files);
    expectClose(images, golden['quick_gelu']![0]!, 2e-5);
  });

  it('are refused with the tensor that does not fit the configuration', async () => {
    await writeTinyCheckpoint(directory);
    const config = {
      model_type: 'clip',
      projection_dim: 7,
      text_config: {},
      vision_config: { image_size: 10, patch_size: 4 },
    };
    await writeFile(join(directory, 'config.json'), JSON.stringify(config));
    await expect(graphs('f32')).rejects.toThrow(/is \[.*\], expected \[.*\] as config.json says/);
  });
});

async function graphs(precision: EnginePrecision): Promise<TowerFiles> {
  return towerFiles(await loadClipModel(directory), { precision, cacheDirectory: undefined });
}

const clipTexts: { readonly ids: readonly number[]; readonly dimension: number } = {
  ids: [10, 1, 2, 11, 11, 11, 10, 4, 5, 6, 9, 11],
  dimension: tinyCheckpoint.dimension,
};

async function embed(
  files: TowerFiles,
  { ids, dimension }: typeof clipTexts = clipTexts,
): Promise<readonly [images: number[][], texts: number[][]]> {
  const { side } = tinyCheckpoint;
  const pixels = Uint8Array.from({ length: 2 * side * side * 3 }, (_, index) => (index * 37) % 251);
  const images = await InferenceSession.create(files.image);
  const texts = await InferenceSession.create(files.text);
  const rowsOf = (results: InferenceSession.ReturnType): number[][] => {
    const values = [...(results['embedding']!.data as Float32Array)];
    return [values.slice(0, dimension), values.slice(dimension)];
  };
  const inputs = new Tensor('int64', BigInt64Array.from([...ids], BigInt), [2, ids.length / 2]);
  return [
    rowsOf(await images.run({ pixels: new Tensor('uint8', pixels, [2, side, side, 3]) })),
    rowsOf(await texts.run({ input_ids: inputs })),
  ];
}

function expectClose(
  actual: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  by: number,
): void {
  const differences = actual.flatMap((row, index) => row.map((value, at) => Math.abs(value - expected[index]![at]!)));
  expect(Math.max(...differences)).toBeLessThan(by);
}
