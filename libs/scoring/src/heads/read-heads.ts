import { join } from 'node:path';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { parseFields } from '../checkpoint/fields.js';
import { openWeightFile, type Weights } from '../checkpoint/open-weights.js';
import { readJsonFile } from '../checkpoint/read-file.js';
import {
  conceptsHead,
  contrastHead,
  networkHead,
  storedNetworkHead,
  withFoldedLayers,
  type NetworkHead,
  type QualityHead,
  type StoredNetworkHead,
} from './quality-head.js';

/**
 * Reads `heads/*.json` of a model's folder, with the numbers that lie in safetensors beside them.
 * @param files what the folder holds
 * @throws ModelDirectoryError that names the file and the field
 */
export async function readHeads(directory: string, files: readonly string[]): Promise<readonly QualityHead[]> {
  const paths = files.filter((file) => /^heads\/[^/]*\.json$/.test(file)).map((file) => join(directory, file));
  const heads = await Promise.all(paths.map(readHead));
  const names = heads.map((head) => head.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new ModelDirectoryError(
      `${join(directory, 'heads')}: two heads are called "${twice}", expected different names`,
    );
  }
  return heads;
}

async function readHead(path: string): Promise<QualityHead> {
  const content = await readJsonFile(path);
  // One kind at a time: the problems of a file are those of the kind that it is.
  const has = (field: string): boolean => typeof content === 'object' && content !== null && field in content;
  if (has('contrast')) return parseFields(path, content, contrastHead);
  if (has('concepts')) return parseFields(path, content, conceptsHead);
  if (!has('weights')) return withFoldedLayers(parseFields(path, content, networkHead));
  return withFoldedLayers(await withNumbers(path, parseFields(path, content, storedNetworkHead)));
}

async function withNumbers(path: string, { weights: file, layers, ...head }: StoredNetworkHead): Promise<NetworkHead> {
  const weights = await openWeightFile(join(path, '..', file));
  try {
    const read = [];
    for (const { tensor, activation } of layers) read.push({ ...(await layerOf(weights, tensor)), activation });
    return parseFields(path, { ...head, layers: read }, networkHead);
  } finally {
    await weights.close();
  }
}

async function layerOf(
  weights: Weights,
  tensor: string,
): Promise<{ readonly weight: number[][]; readonly bias: number[] }> {
  const [outputs = 1, inputs = 1] = weights.shapeOf(layerTensor(tensor, 'weight')) ?? [];
  const kernel = await weights.readTensor(layerTensor(tensor, 'weight'), [outputs, inputs]);
  const bias = await weights.readTensor(layerTensor(tensor, 'bias'), [outputs]);
  return {
    weight: Array.from({ length: outputs }, (_, row) => [...kernel.subarray(row * inputs, (row + 1) * inputs)]),
    bias: [...bias],
  };
}

/** Name of a layer's weight or bias; those of a file with one layer may stand there without a prefix. */
export function layerTensor(tensor: string, part: 'weight' | 'bias'): string {
  return tensor === '' ? part : `${tensor}.${part}`;
}
