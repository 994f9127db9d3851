import { open, rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { toHalves } from './half-precision.js';
import type { TowerGraph } from './tower-parts.js';

/** Offsets of constants in the file beside the graph: the size of a page, so that they can be mapped as they lie. */
const ALIGNMENT = 4096;

/**
 * Writes a graph to `path` and its constants to `<path>.data`: a graph in one file ends at 2 GiB. Each constant is read when it is written,
 * so that one at a time is in memory. The graph appears last and complete: a build that was interrupted leaves none.
 */
export async function writeGraph(path: string, { builder, input, output }: TowerGraph): Promise<void> {
  const dataPath = `${path}.data`;
  const places: { readonly at: number; readonly bytes: number }[] = [];
  const partial = `${dataPath}.${process.pid}.partial`;
  const handle = await open(partial, 'w');
  try {
    let at = 0;
    for (const constant of builder.constants) {
      const values = await constant.read();
      const stored = builder.precision === 'f16' ? toHalves(values) : values;
      const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
      await writeAll(handle, bytes, at);
      places.push({ at, bytes: bytes.length });
      at = Math.ceil((at + bytes.length) / ALIGNMENT) * ALIGNMENT;
    }
  } catch (error) {
    await handle.close();
    await rm(partial, { force: true });
    throw error;
  }
  await handle.close();
  await rename(partial, dataPath);
  await writeFile(`${path}.partial`, builder.model(input, output, { dataFile: basename(dataPath), places }));
  await rename(`${path}.partial`, path);
}

async function writeAll(handle: Awaited<ReturnType<typeof open>>, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(2 ** 30, bytes.length - done), at + done);
    done += bytesWritten;
  }
}
