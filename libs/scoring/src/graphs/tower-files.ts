import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointDescription } from '../checkpoint/description.js';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { openWeights } from '../checkpoint/open-weights.js';
import type { EnginePrecision } from './graph-builder.js';
import { imageGraph, textGraph } from './tower-graphs.js';
import { writeGraph } from './write-graph.js';

/** Folder in the model's directory. */
const BUILT = '.teststrip';
/** Part of the folder's name: graphs that an older version wrote are not taken for those of this one. */
const FORMAT = 1;

export interface TowerFiles {
  readonly image: string;
  readonly text: string;
}

export interface TowerFilesOptions {
  readonly precision: EnginePrecision;
  /** Where graphs are kept when the model's own directory can't be written to. */
  readonly cacheDirectory: string | undefined;
}

/**
 * The graphs of both towers: those in the model's folder `onnx/` where it has them, else written from its weights and kept for the next
 * start, in a folder beside the weights or in the cache directory.
 *
 * @throws ModelDirectoryError when the weights are missing, truncated or not those that config.json describes
 */
export async function towerFiles(
  model: { readonly directory: string; readonly digest: string; readonly description: CheckpointDescription },
  { precision, cacheDirectory }: TowerFilesOptions,
): Promise<TowerFiles> {
  const shipped = precision === 'f32' ? await shippedTowers(model.directory) : null;
  if (shipped !== null) return shipped;
  const folder = `${model.digest.slice(0, 16)}-${precision}-v${FORMAT}`;
  const beside = join(model.directory, BUILT, folder);
  const cached = cacheDirectory === undefined ? beside : join(cacheDirectory, folder);
  for (const place of [beside, cached]) if (await exist(filesIn(place))) return filesIn(place);
  const isWritable = await access(model.directory, constants.W_OK).then(
    () => true,
    () => false,
  );
  const place = isWritable ? beside : cached;
  await makeFolder(place);
  await writeTowers(model, precision, filesIn(place));
  return filesIn(place);
}

/** The graphs that the model brings along, with which the engine onnx reads no weights; null unless it has both. */
export async function shippedTowers(directory: string): Promise<TowerFiles | null> {
  const files = filesIn(join(directory, 'onnx'));
  return (await exist(files)) ? files : null;
}

async function makeFolder(place: string): Promise<void> {
  try {
    await mkdir(place, { recursive: true });
  } catch (error) {
    throw new ModelDirectoryError(
      `the model comes without graphs, and those made of its weights can't be kept in ${place} (${(error as Error).message}), expected a folder that can be written to`,
      { cause: error },
    );
  }
}

async function writeTowers(
  { directory, description }: { readonly directory: string; readonly description: CheckpointDescription },
  precision: EnginePrecision,
  files: TowerFiles,
): Promise<void> {
  const weights = await openWeights(directory);
  try {
    const source = { description, weights, precision };
    await writeGraph(files.image, imageGraph(source));
    await writeGraph(files.text, textGraph(source));
  } finally {
    await weights.close();
  }
}

function filesIn(folder: string): TowerFiles {
  return { image: join(folder, 'image.onnx'), text: join(folder, 'text.onnx') };
}

async function exist({ image, text }: TowerFiles): Promise<boolean> {
  return Promise.all([access(image), access(text)]).then(
    () => true,
    () => false,
  );
}
