import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { parseFields } from './fields.js';
import { ModelDirectoryError } from './errors.js';
import { readFileRange } from './read-range.js';

/** Length of the header in the first bytes of the file, little endian. */
const PREFIX_BYTES = 8;
/** As the reference implementation has it: no checkpoint comes near it, and a file that is something else is seen at once. */
const LARGEST_HEADER_BYTES = 100_000_000;

const tensor = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const header = z.record(z.string(), z.unknown());

/** One tensor of a safetensors file (https://github.com/huggingface/safetensors, "Format"). */
export interface StoredTensor {
  readonly type: string;
  readonly shape: readonly number[];
  /** Bytes from the beginning of the file: first one, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

/**
 * The tensors of a safetensors file, by name; its numbers are not read.
 * @throws ModelDirectoryError when the file is none of this format, or is truncated
 */
export async function readSafetensorsHeader(
  file: string,
  handle: FileHandle,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const { size } = await handle.stat();
  const length = headerLengthOf(file, await readFileRange(handle, 0, Math.min(PREFIX_BYTES, size)), size);
  return tensorsOf(file, await readFileRange(handle, PREFIX_BYTES, PREFIX_BYTES + length), size);
}

/**
 * @returns length of the header in bytes
 * @throws ModelDirectoryError when the file is none of this format, or ends before its header does
 */
function headerLengthOf(file: string, prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < PREFIX_BYTES) {
    throw new ModelDirectoryError(`${file} has ${fileBytes} bytes, expected a safetensors file`);
  }
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (length > LARGEST_HEADER_BYTES) {
    throw new ModelDirectoryError(`${file} announces a header of ${length} bytes, expected a safetensors file`);
  }
  if (PREFIX_BYTES + length > fileBytes) {
    throw new ModelDirectoryError(`${file} ends inside its header: it is truncated`);
  }
  return length;
}

/** @throws ModelDirectoryError when a tensor lies outside the file: then it is truncated */
function tensorsOf(file: string, content: Uint8Array, fileBytes: number): ReadonlyMap<string, StoredTensor> {
  const start = PREFIX_BYTES + content.length;
  const entries = Object.entries(parseFields(file, jsonOf(file, content), header))
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]): [string, StoredTensor] => {
      const { dtype, shape, data_offsets: offsets } = parseFields(`${file}: ${name}`, value, tensor);
      return [name, { type: dtype, shape, from: start + offsets[0], to: start + offsets[1] }];
    });
  const end = Math.max(start, ...entries.map(([, { to }]) => to));
  if (end > fileBytes) {
    throw new ModelDirectoryError(`${file} has ${fileBytes} bytes, expected ${end}: it is truncated`);
  }
  return new Map(entries);
}

function jsonOf(file: string, content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    throw new ModelDirectoryError(`${file} has no readable header (${(error as Error).message})`, { cause: error });
  }
}
