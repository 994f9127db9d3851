import { open } from 'node:fs/promises';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { readFileRange } from '../checkpoint/read-range.js';
import { headerLengthOf, PREFIX_BYTES, tensorsOf } from '../checkpoint/safetensors-header.js';
import type { TensorSource } from './tensor-source.js';

/** Where the tensors of a safetensors file lie, by name. @throws ModelDirectoryError when it is truncated or none */
export async function safetensorsSources(path: string): Promise<ReadonlyMap<string, TensorSource>> {
  const handle = await open(path, 'r').catch((error: Error) => {
    throw new ModelDirectoryError(`${path} can't be read: ${error.message}`, { cause: error });
  });
  try {
    const { size } = await handle.stat();
    const length = headerLengthOf(path, await readFileRange(handle, 0, Math.min(PREFIX_BYTES, size)), size);
    const tensors = tensorsOf(path, await readFileRange(handle, PREFIX_BYTES, PREFIX_BYTES + length), size);
    return new Map(
      [...tensors].map(([name, { type, shape, from, to }]) => {
        const count = shape.reduce((product, side) => product * side, 1);
        return [name, { path, type, bytesEach: count === 0 ? 1 : (to - from) / count, shape, from, to }];
      }),
    );
  } finally {
    await handle.close();
  }
}
