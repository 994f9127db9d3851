import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { parseFields } from '../checkpoint/fields.js';
import { readJsonFile } from '../checkpoint/read-file.js';
import { filesOfOpenClip } from './open-clip-config.js';
import { isOpenClip, openClipTensors, type PlannedTensor } from './open-clip-tensors.js';
import type { TensorSource } from './tensor-source.js';
import { readTorchArchive } from './torch-archive.js';
import { writeSafetensors } from './write-safetensors.js';

const INDEX = 'pytorch_model.bin.index.json';
const WEIGHTS = 'model.safetensors';
const OPEN_CLIP = 'open_clip_config.json';
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'vocab.json', 'merges.txt'];
const DESCRIBING_FILES = ['config.json', 'preprocessor_config.json', 'processor_config.json', ...TOKENIZER_FILES];

const weightIndex = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[^/\\]+$/)) });

export interface ConversionOptions {
  /** A file that `torch.save` wrote, or a folder with `pytorch_model.bin`, its parts, `open_clip_pytorch_model.bin` or one `.pt`. */
  readonly from: string;
  /** Folder of the model; default: that of the weights. */
  readonly to?: string;
  /** `open_clip_config.json`, or a file of open_clip's `model_configs`. Default: that in the folder of the weights. */
  readonly config?: string;
  /** Folder with the tokenizer. Default: that of the weights. */
  readonly tokenizer?: string;
}

export interface Conversion {
  readonly directory: string;
  readonly tensors: number;
  /** Of the weights. */
  readonly bytes: number;
  /** Names of the files that were written. */
  readonly files: readonly string[];
}

/**
 * Makes a model in the layout of transformers of weights that PyTorch saved, without executing anything that stands in them.
 * @throws ModelDirectoryError that names what is missing, truncated, of another architecture or not read
 */
export async function convertCheckpoint(options: ConversionOptions): Promise<Conversion> {
  const parts = await torchFiles(options.from);
  const folder = dirname(parts[0]!);
  const directory = resolve(options.to ?? folder);
  if (existsSync(join(directory, WEIGHTS))) {
    throw new ModelDirectoryError(
      `${join(directory, WEIGHTS)} is there already: take it away, or write to another folder`,
    );
  }
  const sources = new Map<string, TensorSource>();
  for (const part of parts) for (const [name, source] of await readTorchArchive(part)) sources.set(name, source);
  const ofOpenClip = isOpenClip(sources);
  const tensors = ofOpenClip ? openClipTensors(sources) : asTheyAre(sources);
  // What is missing is said before anything is written.
  const written = ofOpenClip ? await openClipFiles(options, folder) : new Map<string, object>();
  const copied = copies(options, { folder, directory, names: ofOpenClip ? TOKENIZER_FILES : DESCRIBING_FILES });
  await mkdir(directory, { recursive: true });
  const bytes = await writeSafetensors(join(directory, WEIGHTS), tensors);
  for (const [name, content] of written)
    await writeFile(join(directory, name), `${JSON.stringify(content, null, 2)}\n`);
  for (const [name, path] of copied) await copyFile(path, join(directory, name));
  return { directory, tensors: tensors.length, bytes, files: [WEIGHTS, ...written.keys(), ...copied.keys()] };
}

function asTheyAre(sources: ReadonlyMap<string, TensorSource>): readonly PlannedTensor[] {
  return [...sources].map(([name, source]) => ({ name, source, isTurned: false }));
}

async function torchFiles(from: string): Promise<readonly string[]> {
  const isFolder = await stat(from).then(
    (found) => found.isDirectory(),
    (error: Error) => {
      throw new ModelDirectoryError(`${from} can't be read: ${error.message}`);
    },
  );
  if (!isFolder) return [resolve(from)];
  const index = join(from, INDEX);
  if (existsSync(index)) {
    const { weight_map: parts } = parseFields(index, await readJsonFile(index), weightIndex);
    return [...new Set(Object.values(parts))].sort().map((part) => resolve(from, part));
  }
  const names = await readdir(from);
  const known = ['pytorch_model.bin', 'open_clip_pytorch_model.bin'].filter((name) => names.includes(name));
  const found = known.length > 0 ? known : names.filter((name) => /\.(?:pt|pth|bin)$/.test(name));
  if (found.length !== 1) {
    const what = found.length === 0 ? 'none' : found.join(', ');
    throw new ModelDirectoryError(`${from} has ${what}, expected pytorch_model.bin, its parts, or one .pt`);
  }
  return [resolve(from, found[0]!)];
}

async function openClipFiles({ config }: ConversionOptions, folder: string): Promise<Map<string, object>> {
  const file = config ?? join(folder, OPEN_CLIP);
  if (!existsSync(file)) {
    throw new ModelDirectoryError(
      `${file} is missing: weights of open_clip don't say heads and activation, expected ${OPEN_CLIP} or a file of open_clip's model_configs`,
    );
  }
  return new Map(Object.entries(filesOfOpenClip(file, await readJsonFile(file))));
}

/** Files that stay as they are, by name; none where they lie at their place. @throws ModelDirectoryError when there is no tokenizer */
function copies(
  { tokenizer = null }: { readonly tokenizer?: string | null },
  {
    folder,
    directory,
    names,
  }: { readonly folder: string; readonly directory: string; readonly names: readonly string[] },
): ReadonlyMap<string, string> {
  const placeOf = (name: string): string =>
    join(tokenizer !== null && TOKENIZER_FILES.includes(name) ? tokenizer : folder, name);
  const present = names.filter((name) => existsSync(placeOf(name)));
  if (!present.includes('tokenizer.json') && !present.includes('vocab.json')) {
    throw new ModelDirectoryError(
      `${tokenizer ?? folder} has no tokenizer.json, nor vocab.json with merges.txt: name a folder that has, all CLIPs of OpenAI and LAION have the same`,
    );
  }
  return new Map(
    present.filter((name) => resolve(placeOf(name)) !== join(directory, name)).map((name) => [name, placeOf(name)]),
  );
}
