import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StoredPictures } from './stored-pictures.js';

/** What a reports service says of every experiment: two pictures can be shown. */
const reports = createServer((_request, response) =>
  response.end(
    JSON.stringify({
      variants: [
        { latest: [{ generationId: 'new' }], worstAligned: [{ generationId: 'worst' }, { generationId: 'new' }] },
      ],
    }),
  ),
);
let folder: string;
let pictures: StoredPictures;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teststrip-stories-'));
  reports.listen(0, '127.0.0.1');
  await once(reports, 'listening');
  const reportsUrl = `http://127.0.0.1:${(reports.address() as AddressInfo).port}`;
  pictures = new StoredPictures({ pictureFolder: folder, reportsUrl });
  for (const story of ['first', 'second']) {
    await mkdir(join(folder, story, 'control'), { recursive: true });
    for (const name of ['old', 'new', 'worst']) await writeFile(join(folder, story, 'control', `${name}.png`), name);
  }
});
afterEach(async () => {
  reports.close();
  await rm(folder, { recursive: true });
});

it('keeps of a finished story what the page shows, and all of the newest one', async () => {
  await pictures.tidyAllBut('second');
  expect((await readdir(join(folder, 'first', 'control'))).sort()).toEqual(['new.png', 'worst.png']);
  expect(await readdir(join(folder, 'second', 'control'))).toHaveLength(3);
});

it('keeps everything while the reports service does not answer', async () => {
  reports.close();
  reports.closeAllConnections();
  await pictures.tidyAllBut('second');
  expect(await readdir(join(folder, 'first', 'control'))).toHaveLength(3);
});
