import { open, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { readFileRange } from '../checkpoint/read-range.js';
import type { PlannedTensor } from './open-clip-tensors.js';

const CHUNK_BYTES = 2 ** 24;
/** Tensors begin at multiples of it, behind the header. */
const ALIGNMENT = 8;

/**
 * Writes `path` with the tensors as they are stored, a few megabytes in memory at a time; it appears when it is complete.
 * @returns bytes of the file
 * @throws ModelDirectoryError when there is no room for it
 */
export async function writeSafetensors(path: string, tensors: readonly PlannedTensor[]): Promise<number> {
  // Wider numbers first, so that all are aligned to their size, as the reference implementation has it.
  const ordered = tensors.toSorted(
    (left, right) => right.source.bytesEach - left.source.bytesEach || (left.name < right.name ? -1 : 1),
  );
  const header = headerOf(ordered);
  const total = header.length + ordered.reduce((sum, { source }) => sum + source.to - source.from, 0);
  await requireRoom(path, total);
  const partial = `${path}.${process.pid}.partial`;
  const output = await open(partial, 'w');
  try {
    await output.writeFile(header);
    await copyAll(output, ordered);
    await output.close();
    await rename(partial, path);
  } catch (error) {
    await output.close();
    await rm(partial, { force: true });
    throw error;
  }
  return total;
}

function headerOf(tensors: readonly PlannedTensor[]): Buffer {
  let at = 0;
  const entries = tensors.map(({ name, source, isTurned }): readonly [string, object] => {
    const shape = isTurned ? source.shape.toReversed() : source.shape;
    return [name, { dtype: source.type, shape, data_offsets: [at, (at += source.to - source.from)] }];
  });
  const json = JSON.stringify(Object.fromEntries([['__metadata__', { format: 'pt' }], ...entries]));
  const padded = json.padEnd(Math.ceil(json.length / ALIGNMENT) * ALIGNMENT);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(padded)));
  return Buffer.concat([prefix, Buffer.from(padded)]);
}

/** @throws ModelDirectoryError that says how much is missing */
async function requireRoom(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize >= bytes) return;
  throw new ModelDirectoryError(
    `${path} needs ${bytes} bytes, ${bavail * bsize} are free on that disk: make room, or write to another one`,
  );
}

async function copyAll(output: FileHandle, tensors: readonly PlannedTensor[]): Promise<void> {
  const inputs = new Map<string, FileHandle>();
  try {
    for (const tensor of tensors) {
      const { path } = tensor.source;
      const input = inputs.get(path) ?? (await open(path, 'r'));
      inputs.set(path, input);
      await copy(output, input, tensor);
    }
  } finally {
    await Promise.all([...inputs.values()].map((input) => input.close()));
  }
}

async function copy(output: FileHandle, input: FileHandle, { source, isTurned }: PlannedTensor): Promise<void> {
  const { from, to } = source;
  if (isTurned) {
    await output.writeFile(turned(await readFileRange(input, from, to), source.shape, source.bytesEach));
    return;
  }
  for (let at = from; at < to; at += CHUNK_BYTES) {
    await output.writeFile(await readFileRange(input, at, Math.min(to, at + CHUNK_BYTES)));
  }
}

/** Rows as columns, whatever the numbers are. */
function turned(bytes: Uint8Array, [rows, columns]: readonly number[], bytesEach: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let row = 0; row < rows!; row += 1) {
    for (let column = 0; column < columns!; column += 1) {
      const from = (row * columns! + column) * bytesEach;
      result.set(bytes.subarray(from, from + bytesEach), (column * rows! + row) * bytesEach);
    }
  }
  return result;
}
