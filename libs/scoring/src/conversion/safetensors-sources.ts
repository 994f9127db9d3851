import { open } from 'node:fs/promises';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { readSafetensorsHeader } from '../checkpoint/safetensors-header.js';
import type { TensorSource } from './tensor-source.js';

/** Where the tensors of a safetensors file lie, by name. @throws ModelDirectoryError when it is truncated or none */
export async function safetensorsSources(path: string): Promise<ReadonlyMap<string, TensorSource>> {
  const handle = await open(path, 'r').catch((error: Error) => {
    throw new ModelDirectoryError(`${path} can't be read: ${error.message}`, { cause: error });
  });
  try {
    return new Map(
      [...(await readSafetensorsHeader(path, handle))].map(([name, { type, shape, from, to }]) => {
        const count = shape.reduce((product, side) => product * side, 1);
        return [name, { path, type, bytesEach: count === 0 ? 1 : (to - from) / count, shape, from, to }];
      }),
    );
  } finally {
    await handle.close();
  }
}
