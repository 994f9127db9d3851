import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { NotServedError, type ModelFiles } from './model-files.js';
import type { ExpectedContent, WantedFile } from './wanted-model.js';

const ATTEMPTS = 5;
const PAUSE_MS = 500;

/** A file that did not come as it should have. */
export class BrokenFileError extends Error {
  override readonly name = 'BrokenFileError';
}

export interface FetchOptions {
  readonly source: ModelFiles;
  /** Folder of the model. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Bytes of the file that have come. */
  onProgress(bytes: number): void;
}

/** Whether it lies there already, whole and as expected. */
export async function isThere({ path, bytes, content }: WantedFile, directory: string): Promise<boolean> {
  const place = join(directory, path);
  if (!existsSync(place) || (await stat(place)).size !== bytes) return false;
  return (await digestOf(place, content.kind, bytes)) === content.hex;
}

/** Bytes of it that came earlier, and on which a fetch goes on. */
export async function bytesThere({ path }: WantedFile, directory: string): Promise<number> {
  return sizeOf(partialOf(join(directory, path)));
}

/**
 * Fetches a file, from where an earlier attempt ended; it appears under its name when it is whole and what was expected.
 * @throws BrokenFileError when it ends too early or is another one; NotServedError when it is not there
 */
export async function fetchFile(file: WantedFile, options: FetchOptions): Promise<void> {
  const place = join(options.directory, file.path);
  const partial = partialOf(place);
  await mkdir(dirname(place), { recursive: true });
  await fetchAll(file, partial, options);
  const found = await digestOf(partial, file.content.kind, file.bytes);
  if (found !== file.content.hex) {
    await rm(partial);
    throw new BrokenFileError(
      `${file.from} is another file than expected: ${file.content.kind} ${found}, expected ${file.content.hex}. What came is thrown away`,
    );
  }
  await rename(partial, place);
}

async function fetchAll(file: WantedFile, partial: string, options: FetchOptions): Promise<void> {
  let failure: Error | null = null;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (attempt > 1) await setTimeout(PAUSE_MS * attempt, undefined, { signal: options.signal });
    try {
      if (await append(file, partial, options)) return;
      failure = null;
    } catch (error) {
      if (isFinal(error as NodeJS.ErrnoException) || options.signal.aborted) throw error;
      failure = error as Error;
    }
  }
  const size = await sizeOf(partial);
  const why = failure === null ? 'the connection ended' : failure.message || String(failure);
  throw new BrokenFileError(
    `${file.from} is truncated: ${size} of ${file.bytes} bytes have come (${why}). The same command goes on from there`,
  );
}

function isFinal(error: NodeJS.ErrnoException): boolean {
  return (
    error instanceof NotServedError ||
    error instanceof BrokenFileError ||
    ['ENOSPC', 'EACCES', 'EDQUOT', 'ENOENT', 'EROFS'].includes(error.code ?? '')
  );
}

/** @returns whether the file is whole */
async function append(file: WantedFile, partial: string, options: FetchOptions): Promise<boolean> {
  const there = await sizeOf(partial);
  if (there === file.bytes && there > 0) return true;
  const wantedFrom = there > file.bytes ? 0 : there;
  const { from, body } = await opened(file.from, wantedFrom, options);
  if (existsSync(partial)) await truncate(partial, from);
  let bytes = from;
  await pipeline(
    body,
    async function* (parts: AsyncIterable<Buffer>) {
      for await (const part of parts) {
        bytes += part.length;
        if (bytes > file.bytes) throw new BrokenFileError(`${file.from} is larger than the ${file.bytes} bytes expected`);
        options.onProgress(bytes);
        yield part;
      }
    },
    createWriteStream(partial, { flags: 'a' }),
  );
  return bytes === file.bytes;
}

async function opened(
  from: string,
  start: number,
  { source, signal }: FetchOptions,
): Promise<{ readonly from: number; readonly body: AsyncIterable<Buffer> }> {
  if (/^https?:/.test(from)) return source.file(from, start, signal);
  if (!existsSync(from)) throw new BrokenFileError(`${from} is missing`);
  return { from: start, body: createReadStream(from, { start }) };
}

async function digestOf(path: string, kind: ExpectedContent['kind'], bytes: number): Promise<string> {
  const hash = createHash(kind === 'sha256' ? 'sha256' : 'sha1');
  if (kind === 'git-blob') hash.update(`blob ${bytes}\0`);
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** 0 where there is none. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function partialOf(place: string): string {
  return `${place}.partial`;
}
