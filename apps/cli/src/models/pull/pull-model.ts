import { existsSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailure, exitCodes } from '../../exit-codes.js';
import { bytesThere, fetchFile, isThere } from './fetch-file.js';
import { megabytes } from '../model-lines.js';
import type { ModelFiles } from './model-files.js';
import type { WantedFile, WantedModel } from './wanted-model.js';

/** What is told while files come. */
export interface PullProgress {
  /** Bytes of the file that have come. */
  came(file: string, bytes: number, of: number): void;
  /** It is there, whole and as expected. */
  done(file: string, bytes: number): void;
}

export interface PullOptions {
  readonly source: ModelFiles;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly progress: PullProgress;
}

/**
 * Fetches what is not there yet, finds out what can't be used before its weights are fetched, and leaves the manifest in the folder.
 * @throws CommandFailure when there is no room for it
 */
export async function pullModel(model: WantedModel, options: PullOptions): Promise<void> {
  const { directory } = options;
  await mkdir(directory, { recursive: true });
  const missing: WantedFile[] = [];
  for (const file of model.files) {
    if (await isThere(file, directory)) options.progress.done(file.path, file.bytes);
    else missing.push(file);
  }
  await requireRoom(missing, directory);
  const weights = missing.filter(({ path }) => isWeights(path));
  for (const file of missing.filter((one) => !weights.includes(one))) await fetchOne(file, options);
  await refuseOtherArchitectures(directory);
  for (const file of weights) await fetchOne(file, options);
  const { convertCheckpoint, listFiles, writeManifest } = await import('#libs/scoring');
  if (!existsSync(join(directory, 'model.safetensors')) && model.files.some(({ path }) => path.endsWith('.bin'))) {
    await convertCheckpoint({ from: directory });
  }
  const known = model.files.map(({ path, from }) => ({ path, ...(/^https?:/.test(from) && { url: from }) }));
  await writeManifest(directory, {
    ...(model.id !== null && { model: model.id }),
    ...(model.revision !== null && { revision: model.revision }),
    files: await listFiles(directory, known),
  });
}

async function fetchOne(file: WantedFile, { source, directory, signal, progress }: PullOptions): Promise<void> {
  const onProgress = (bytes: number): void => progress.came(file.path, bytes, file.bytes);
  await fetchFile(file, { source, directory, signal, onProgress });
  progress.done(file.path, file.bytes);
}

function isWeights(path: string): boolean {
  return /\.(?:safetensors|bin|pt|onnx|onnx_data|data)$/.test(path);
}

/** @throws ModelDirectoryError that names the field; what open_clip describes is read when it is converted */
async function refuseOtherArchitectures(directory: string): Promise<void> {
  if (!existsSync(join(directory, 'config.json'))) return;
  const { describeFolder } = await import('#libs/scoring');
  await describeFolder(directory);
}

async function requireRoom(files: readonly WantedFile[], directory: string): Promise<void> {
  let needed = 0;
  for (const file of files) needed += file.bytes - (await bytesThere(file, directory));
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new CommandFailure(
    exitCodes.otherwise,
    `${directory} needs ${megabytes(needed)} more, ${megabytes(free)} are free on that disk: make room, or name another folder with --to`,
  );
}
