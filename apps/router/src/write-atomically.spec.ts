import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeAtomically } from './write-atomically.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'write-atomically-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('replaces the file, also where it is a link to somebody else’s, and leaves nothing else in the folder', async () => {
  const [victim, path] = [join(folder, 'victim'), join(folder, 'weights.conf')];
  await writeFile(victim, 'theirs');
  await symlink(victim, path);
  await writeAtomically(path, 'ours', 0o640);
  expect(await readFile(path, 'utf8')).toBe('ours');
  expect(await readFile(victim, 'utf8')).toBe('theirs');
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  expect((await readdir(folder)).sort()).toEqual(['victim', 'weights.conf']);
});

it('writes through no link that somebody has laid where it writes first', async () => {
  const [victim, path] = [join(folder, 'victim'), join(folder, 'weights.conf')];
  await writeFile(victim, 'theirs');
  await symlink(victim, `${path}.new`);
  await writeAtomically(path, 'ours', 0o644);
  expect(await readFile(victim, 'utf8')).toBe('theirs');
  expect(await readFile(path, 'utf8')).toBe('ours');
});

it('says why it can’t, and leaves nothing behind', async () => {
  const path = join(folder, 'weights.conf');
  await mkdir(join(path, 'full'), { recursive: true });
  await expect(writeAtomically(path, 'ours', 0o644)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(await readdir(folder)).toEqual(['weights.conf']);
});
