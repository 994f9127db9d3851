import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageAt } from '#libs/contracts';
import { assertHeadBelongs, qualityHeadFile, type QualityHead } from '../heads/quality-head.js';
import { splitTemplate } from '../text/prompt.js';

const CONTENTS: Readonly<Record<string, string>> = {
  'config.json':
    'the CLIP configuration (projection_dim, vision_config.image_size, text_config.max_position_embeddings)',
  'preprocessor_config.json': 'the size, mean and deviation of the pictures',
  'tokenizer.json': 'the byte-level BPE tokenizer',
  'model.safetensors': 'the weights of both towers',
  'onnx/image.onnx': 'the image tower: uint8 `pixels` [b, side, side, 3] to float32 `embedding` [b, dimension]',
  'onnx/text.onnx': 'the text tower: int64 `input_ids` [b, length] to float32 `embedding` [b, dimension]',
};

const config = z.object({
  _name_or_path: z.string().optional(),
  model_type: z.literal('clip'),
  projection_dim: z.int().min(1),
  text_config: z.object({ max_position_embeddings: z.int().min(2) }),
  vision_config: z.object({ image_size: z.int().min(1) }),
});

const channels = z.tuple([z.number(), z.number(), z.number()]);
const preprocessorConfig = z.object({
  crop_size: z.union([z.int().min(1), z.object({ height: z.int().min(1), width: z.int().min(1) })]),
  image_mean: channels,
  image_std: channels,
  /** Pillow's number for bicubic, the only kernel that CLIP models use. */
  resample: z.literal(3).default(3),
});

const promptConfig = z.object({ template: z.string() });

/** A CLIP model in the directory layout of Hugging Face, read and checked, weights still on disk. */
export interface ClipModel {
  readonly directory: string;
  /** Id in every score: `_name_or_path` of config.json, else the directory's name. */
  readonly id: string;
  /** SHA-256 over everything that decides a score: weights, graphs, heads, tokenizer, preprocessing, prompt template. */
  readonly digest: string;
  /** Side of the square pictures, pixels. */
  readonly side: number;
  /** Length of an embedding. */
  readonly dimension: number;
  /** Length of a tokenised text, start and end tokens included. */
  readonly contextLength: number;
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** What is embedded for a prompt: `{prompt}` unless prompt.json says otherwise. */
  readonly promptTemplate: string;
  readonly heads: readonly QualityHead[];
  readonly tokenizerJson: object;
  readonly tokenizerConfig: object;
}

/** A model directory can't be used: which file, what is wrong with it, what was expected. */
export class ModelDirectoryError extends Error {
  override readonly name = 'ModelDirectoryError';
}

/**
 * Reads `config.json`, `preprocessor_config.json`, `tokenizer.json`, and where present `tokenizer_config.json`, `prompt.json` and
 * `heads/*.json`.
 *
 * @param requiredFiles what the engine reads besides, relative to the directory
 * @throws ModelDirectoryError that names every missing file, or the file that can't be understood
 * @throws ForeignHeadError when a head belongs to another embedding model
 */
export async function loadClipModel(path: string, requiredFiles: readonly string[]): Promise<ClipModel> {
  const directory = resolve(path);
  const files = await filesOf(directory);
  requireFiles(directory, files, ['config.json', 'preprocessor_config.json', 'tokenizer.json', ...requiredFiles]);
  const clip = await readJson(directory, 'config.json', config);
  const pictures = await readJson(directory, 'preprocessor_config.json', preprocessorConfig);
  const side = clip.vision_config.image_size;
  const crop =
    typeof pictures.crop_size === 'number'
      ? { height: pictures.crop_size, width: pictures.crop_size }
      : pictures.crop_size;
  if (crop.height !== side || crop.width !== side) {
    throw new ModelDirectoryError(
      `${join(directory, 'preprocessor_config.json')}: crop_size is ${crop.width} × ${crop.height}, expected ${side} × ${side} as vision_config.image_size of config.json says`,
    );
  }
  const id = idOf(clip._name_or_path, directory);
  const heads = await readHeads(directory, files);
  for (const head of heads) assertHeadBelongs(head, { id, dimension: clip.projection_dim });
  return {
    directory,
    id,
    digest: await digestOf(directory, files.filter(decidesScores)),
    side,
    dimension: clip.projection_dim,
    contextLength: clip.text_config.max_position_embeddings,
    mean: pictures.image_mean,
    deviation: pictures.image_std,
    promptTemplate: await readTemplate(directory, files),
    heads,
    tokenizerJson: await readJson(directory, 'tokenizer.json', z.looseObject({})),
    tokenizerConfig: files.includes('tokenizer_config.json')
      ? await readJson(directory, 'tokenizer_config.json', z.looseObject({}))
      : {},
  };
}

async function filesOf(directory: string): Promise<readonly string[]> {
  try {
    const top = await readdir(directory, { withFileTypes: true });
    const nested = await Promise.all(
      top
        .filter((entry) => entry.name === 'onnx' || entry.name === 'heads')
        .map(async (entry) => (await readdir(join(directory, entry.name))).map((name) => `${entry.name}/${name}`)),
    );
    return [...top.filter((entry) => !entry.isDirectory()).map((entry) => entry.name), ...nested.flat()].sort();
  } catch (error) {
    throw new ModelDirectoryError(
      `model directory ${directory} can't be read (${(error as Error).message}), expected a CLIP model in the layout of Hugging Face`,
      { cause: error },
    );
  }
}

function requireFiles(directory: string, files: readonly string[], required: readonly string[]): void {
  const missing = required.filter((file) => !files.includes(file));
  if (missing.length === 0) return;
  const lines = missing.map((file) => `${file}: expected ${CONTENTS[file] ?? 'a file that the engine reads'}`);
  throw new ModelDirectoryError(`model directory ${directory} lacks\n  ${lines.join('\n  ')}`);
}

async function readJson<Schema extends z.ZodType>(
  directory: string,
  file: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const path = join(directory, file);
  const parsed = schema.safeParse(parseJson(path, await readFile(path, 'utf8')));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => messageAt(issue.path, issue.message));
  throw new ModelDirectoryError(`${path}: ${lines.join('; ')}`);
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelDirectoryError(`${path} is no JSON: ${(error as Error).message}`, { cause: error });
  }
}

function idOf(nameOrPath: string | undefined, directory: string): string {
  return nameOrPath !== undefined && nameOrPath !== '' ? nameOrPath : basename(directory);
}

async function readHeads(directory: string, files: readonly string[]): Promise<readonly QualityHead[]> {
  const heads = await Promise.all(
    files.filter((file) => /^heads\/.*\.json$/.test(file)).map((file) => readJson(directory, file, qualityHeadFile)),
  );
  const names = heads.map((head) => head.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new ModelDirectoryError(
      `${join(directory, 'heads')}: two heads are called "${twice}", expected different names`,
    );
  }
  return heads;
}

async function readTemplate(directory: string, files: readonly string[]): Promise<string> {
  if (!files.includes('prompt.json')) return '{prompt}';
  const { template } = await readJson(directory, 'prompt.json', promptConfig);
  try {
    splitTemplate(template);
  } catch (error) {
    throw new ModelDirectoryError(`${join(directory, 'prompt.json')}: ${(error as Error).message}`, { cause: error });
  }
  return template;
}

function decidesScores(file: string): boolean {
  return (
    /\.(safetensors|onnx|onnx_data)$/.test(file) ||
    /^heads\/.*\.json$/.test(file) ||
    ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'prompt.json'].includes(file)
  );
}

/** One hash over the sorted list of `name, SHA-256` of the files: independent of the engine that will read them. */
async function digestOf(directory: string, files: readonly string[]): Promise<string> {
  const total = createHash('sha256');
  for (const file of files) {
    const hash = createHash('sha256');
    for await (const part of createReadStream(join(directory, file))) hash.update(part as Buffer);
    total.update(`${file}\0${hash.digest('hex')}\n`);
  }
  return total.digest('hex');
}
