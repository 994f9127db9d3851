import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FactReader } from '#libs/persistence/reports';
import { PictureGallery } from './picture-gallery.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'teststrip-gallery-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const announced = Buffer.alloc(1024 * 1024, 'announced ');

async function shown() {
  const file = join(folder, 'picture.png');
  await writeFile(file, announced);
  const sha256 = createHash('sha256').update(announced).digest('hex');
  const picture = async () => ({ uri: pathToFileURL(file).href, sha256, format: 'png' as const });
  const gallery = new PictureGallery({ picture } as unknown as FactReader, [folder]);
  return { file, ...(await gallery.bytes({ service: 'sdxl', generationId: 'generation', imageIndex: 0 })) };
}

it('is sent whole where it is what was announced', async () => {
  const { bytes, length } = await shown();
  const sent = Buffer.concat(await bytes.toArray());
  expect(length).toBe(announced.length);
  expect(sent.equals(announced)).toBe(true);
});

it('is never sent whole where another one is written over it while it is sent', async () => {
  const { file, bytes, length } = await shown();
  await writeFile(file, Buffer.alloc(announced.length, 'another '), { flag: 'r+' });
  let sent = 0;
  await expect(
    (async () => {
      for await (const piece of bytes as AsyncIterable<Buffer>) sent += piece.length;
    })(),
  ).rejects.toThrow('written while it was sent');
  expect(sent).toBeLessThan(length);
});

it('is read as slowly as its clients read: forty that have taken a piece hold little of what they asked for', async () => {
  const file = join(folder, 'large.png');
  const content = Buffer.alloc(4 * 1024 * 1024, 'large ');
  await writeFile(file, content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const picture = async () => ({ uri: pathToFileURL(file).href, sha256, format: 'png' as const });
  const gallery = new PictureGallery({ picture } as unknown as FactReader, [folder]);
  const before = process.memoryUsage().arrayBuffers;
  const readers = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const { bytes } = await gallery.bytes({ service: 'sdxl', generationId: 'generation', imageIndex: 0 });
      const pieces = bytes[Symbol.asyncIterator]();
      await pieces.next();
      return { bytes, pieces };
    }),
  );
  const held = process.memoryUsage().arrayBuffers - before;
  // Whole they are 160 MiB.
  expect(held).toBeLessThan(40 * 1024 * 1024);
  for (const { bytes } of readers) bytes.destroy();
});
