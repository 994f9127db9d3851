import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { parseFields } from '../checkpoint/fields.js';
import { readJsonFile } from '../checkpoint/read-file.js';
import { safetensorsSources } from '../conversion/safetensors-sources.js';
import type { TensorSource } from '../conversion/tensor-source.js';
import { readTorchArchive } from '../conversion/torch-archive.js';
import { writeSafetensors } from '../conversion/write-safetensors.js';
import { loadClipModel, type ClipModel } from '../model/model-directory.js';
import { assertHeadsBelong, networkHead } from './quality-head.js';
import { layerTensor, readHeads } from './read-heads.js';

export interface HeadOptions {
  /** `.safetensors`, what `torch.save` wrote (LAION's `.pth`), or a `.json` with the layers in it. */
  readonly file: string;
  /** Key of the score. */
  readonly name: string;
  /** Between layers; files of weights don't say it. LAION's aesthetic heads have none. */
  readonly activation: 'none' | 'relu';
  /** Whether the last layer's number is the score, or the logit of a probability. */
  readonly output: 'score' | 'probability';
}

/**
 * Puts a head into the model's folder, bound to the digest of the model's embeddings.
 * @throws ModelDirectoryError when the file is no chain of linear layers to one number; ForeignHeadError when it takes embeddings of another length
 */
export async function addHead(directory: string, options: HeadOptions): Promise<void> {
  const model = await loadClipModel(directory);
  const base = join(model.directory, 'heads', options.name);
  if (!/^[\w.-]+$/.test(options.name) || existsSync(`${base}.json`)) {
    throw new ModelDirectoryError(`head "${options.name}": expected a name of letters and digits that no head has yet`);
  }
  await mkdir(join(model.directory, 'heads'), { recursive: true });
  try {
    const content =
      extname(options.file) === '.json' ? await fromJson(model, options) : await fromWeights(base, model, options);
    await writeFile(`${base}.json`, `${JSON.stringify(content, null, 2)}\n`);
    await requireUsableHeads(model);
  } catch (error) {
    await Promise.all([rm(`${base}.json`, { force: true }), rm(`${base}.safetensors`, { force: true })]);
    throw error;
  }
}

/** As the model is read with them, without hashing its weights once more: no head is part of its embeddings. */
async function requireUsableHeads({ directory, id, embeddingDigest, description }: ClipModel): Promise<void> {
  const files = (await readdir(join(directory, 'heads'))).map((name) => `heads/${name}`);
  const { dimension } = description;
  assertHeadsBelong(await readHeads(directory, files), { id, embeddingDigest, dimension });
}

async function fromJson({ embeddingDigest: embedding }: ClipModel, { file, name }: HeadOptions): Promise<object> {
  const { model: _former, ...head } = parseFields(file, await readJsonFile(file), networkHead);
  // One that says what it was trained on is taken at its word, and refused where that is something else.
  return { embedding, ...head, name };
}

async function fromWeights(
  base: string,
  { embeddingDigest: embedding }: ClipModel,
  options: HeadOptions,
): Promise<object> {
  const { file, name, activation, output } = options;
  const sources = extname(file) === '.safetensors' ? await safetensorsSources(file) : await readTorchArchive(file);
  const tensors = layerNames(file, sources);
  const parts = tensors.flatMap((tensor) => [layerTensor(tensor, 'weight'), layerTensor(tensor, 'bias')]);
  await writeSafetensors(
    `${base}.safetensors`,
    parts.map((part) => ({ name: part, source: sources.get(part)!, isTurned: false })),
  );
  const last = output === 'probability' ? 'sigmoid' : 'none';
  const layers = tensors.map((tensor, at) => ({ tensor, activation: at === tensors.length - 1 ? last : activation }));
  return { name, embedding, output, weights: `${name}.safetensors`, layers };
}

/** Prefixes of the linear layers, in the order of their numbers. */
function layerNames(file: string, sources: ReadonlyMap<string, TensorSource>): readonly string[] {
  const names = [...sources.keys()]
    .filter((name) => /(?:^|\.)weight$/.test(name) && sources.get(name)!.shape.length === 2)
    .map((name) => name.replace(/\.?weight$/, ''))
    .filter((name) => sources.has(layerTensor(name, 'bias')))
    .sort((left, right) => left.localeCompare(right, 'en', { numeric: true }));
  if (2 * names.length !== sources.size) {
    const others = [...sources.keys()].join(', ').slice(0, 300);
    throw new ModelDirectoryError(`${file} is no chain of linear layers with weight and bias each, it has ${others}`);
  }
  return names;
}
