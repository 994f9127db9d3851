import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import type { CheckpointDescription, Family } from '../checkpoint/description.js';
import { describeCheckpoint } from '../checkpoint/describe-checkpoint.js';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { parseFields } from '../checkpoint/fields.js';
import { readJsonFile } from '../checkpoint/read-file.js';
import { readSimilarity, type Similarity } from '../checkpoint/similarity.js';
import { assertHeadsBelong, isTextHead, type QualityHead } from '../heads/quality-head.js';
import { readHeads } from '../heads/read-heads.js';
import type { ClipTokenizer } from '../text/clip-tokenizer.js';
import { splitTemplate } from '../text/prompt.js';
import { contentOf } from './manifest.js';

const CONTENTS: Readonly<Record<string, string>> = {
  'config.json': 'the configuration of a CLIP model',
  'preprocessor_config.json': 'how pictures are resized, cropped and normalised',
  'processor_config.json': 'how pictures are resized, cropped and normalised',
  'tokenizer.json': 'the byte-level BPE tokenizer, or vocab.json and merges.txt',
  'merges.txt': 'the pairs that the byte-level BPE of vocab.json joins',
};

const DECIDING_FILES: readonly string[] = [
  'config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'model.safetensors.index.json',
  'prompt.json',
  'preference.json',
];

const promptConfig = z.object({ template: z.string() });
/** That a model learnt which of two pictures of one prompt people chose: no checkpoint says it of itself. */
const preferenceConfig = z.object({
  /** What cosines are multiplied with. Absent: `logit_scale` of the weights. */
  scale: z.number().positive().optional(),
});

/** A CLIP model in the directory layout of Hugging Face, read and checked, weights still on disk. */
export interface ClipModel {
  readonly directory: string;
  /** Id in every score: `_name_or_path` of config.json, else the directory's name. */
  readonly id: string;
  /** SHA-256 over everything that decides a score: weights, graphs, heads, tokenizer, preprocessing, prompt template, preference. */
  readonly digest: string;
  /** SHA-256 over what decides an embedding: the same without heads, prompt template and preference. Heads are bound to it. */
  readonly embeddingDigest: string;
  readonly description: CheckpointDescription;
  readonly tokenizer: ClipTokenizer;
  /** What is embedded for a prompt: `{prompt}` unless prompt.json says otherwise. */
  readonly promptTemplate: string;
  readonly heads: readonly QualityHead[];
  /** How cosines become probabilities; null where no head asks for it. */
  readonly similarity: Similarity | null;
  /** What the cosine of picture and prompt is multiplied with for the logit of people's preference; null: the model did not learn that. */
  readonly preferenceScale: number | null;
}

/**
 * Reads what describes the checkpoint, and where present `prompt.json`, `preference.json` and `heads/*.json`.
 *
 * @throws ModelDirectoryError that names every missing file, or the file and the field that can't be honoured
 * @throws ForeignHeadError when a head belongs to another embedding model
 */
export async function loadClipModel(path: string): Promise<ClipModel> {
  const directory = resolve(path);
  const files = await filesOf(directory);
  requireFiles(directory, files, [
    'config.json',
    files.includes('processor_config.json') ? 'processor_config.json' : 'preprocessor_config.json',
    ...(files.includes('vocab.json') && !files.includes('tokenizer.json') ? ['merges.txt'] : ['tokenizer.json']),
  ]);
  const { description, tokenizer } = await describeCheckpoint(directory, files);
  const id = description.name ?? basename(directory);
  const heads = await readHeads(directory, files);
  const hashes = await hashesOf(
    directory,
    files.filter((file) => decidesScores(file, description.family)),
  );
  const embeddingDigest = digestOf(hashes.filter(([file]) => decidesEmbeddings(file)));
  const { dimension, family } = description;
  assertHeadsBelong(heads, { id, embeddingDigest, dimension });
  return {
    directory,
    id,
    digest: digestOf(hashes),
    embeddingDigest,
    description,
    tokenizer,
    promptTemplate: await readTemplate(directory, files),
    heads,
    similarity: heads.some((head) => asksForSimilarity(head, family)) ? await readSimilarity(directory, family) : null,
    preferenceScale: files.includes('preference.json') ? await readPreferenceScale(directory, family) : null,
  };
}

/**
 * Reads what a folder says of its model, weights aside, which need not be there yet.
 * @throws ModelDirectoryError that names the missing file, or the file and the field that can't be honoured
 */
export async function describeFolder(path: string): Promise<CheckpointDescription> {
  const directory = resolve(path);
  return (await describeCheckpoint(directory, await filesOf(directory))).description;
}

/** Heads with a scale of their own do without the one that the weights have; concepts of a SigLIP have a bias besides. */
function asksForSimilarity(head: QualityHead, family: Family): boolean {
  return isTextHead(head) && (head.scale === undefined || (family === 'siglip' && 'concepts' in head));
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
  const lines = missing.map((file) => `${file}: expected ${CONTENTS[file]}`);
  throw new ModelDirectoryError(`model directory ${directory} lacks\n  ${lines.join('\n  ')}`);
}

async function readJson<Schema extends z.ZodType>(
  directory: string,
  file: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const path = join(directory, file);
  return parseFields(path, await readJsonFile(path), schema);
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

/** The bias of a SigLIP says nothing of two pictures of one prompt: it is the same for both. */
async function readPreferenceScale(directory: string, family: Family): Promise<number> {
  const { scale } = await readJson(directory, 'preference.json', preferenceConfig);
  return scale ?? (await readSimilarity(directory, family)).scale;
}

function decidesScores(file: string, family: Family): boolean {
  return (
    // How texts are padded, and what ends them.
    (family === 'siglip' && file === 'tokenizer_config.json') ||
    /\.(safetensors|onnx|onnx_data)$/.test(file) ||
    // A graph may keep its weights in files of any name beside it.
    file.startsWith('onnx/') ||
    /^heads\/.*\.json$/.test(file) ||
    DECIDING_FILES.includes(file)
  );
}

function decidesEmbeddings(file: string): boolean {
  return !file.startsWith('heads/') && file !== 'prompt.json' && file !== 'preference.json';
}

type FileHash = readonly [file: string, sha256: string];

async function hashesOf(directory: string, files: readonly string[]): Promise<readonly FileHash[]> {
  const hashes: FileHash[] = [];
  for (const file of files) hashes.push([file, (await contentOf(join(directory, file))).sha256]);
  return hashes;
}

/** One hash over the sorted list of `name, SHA-256` of the files: independent of the engine that will read them. */
function digestOf(hashes: readonly FileHash[]): string {
  const total = createHash('sha256');
  for (const [file, hash] of hashes) total.update(`${file}\0${hash}\n`);
  return total.digest('hex');
}
