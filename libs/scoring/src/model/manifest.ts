import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ModelDirectoryError } from '../checkpoint/errors.js';
import { parseFields } from '../checkpoint/fields.js';
import { readJsonFile } from '../checkpoint/read-file.js';

/** In a model's folder. */
export const MANIFEST = 'manifest.json';

/** Inside of the model's folder, whatever somebody wrote. */
const relativePath = z
  .string()
  .regex(/^[\w.-]+(?:\/[\w.-]+)*$/, 'expected a path of letters, digits, dots and dashes')
  .refine((path) => !path.split('/').includes('..'), 'expected a path that stays in the folder');

const listedFile = z.object({
  path: relativePath,
  /** Where it is had from. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const manifestFile = z.object({
  /** Id at the hub, and the commit there. */
  model: z.string().optional(),
  revision: z.string().optional(),
  files: z.array(listedFile).min(1),
});

/** Which files a model consists of, where they came from, and what is in them. */
export type ModelManifest = z.infer<typeof manifestFile>;
export type ListedFile = z.infer<typeof listedFile>;

/** @throws ModelDirectoryError when the file can't be read or is no manifest */
export async function readManifest(path: string): Promise<ModelManifest> {
  return parseManifest(path, await readJsonFile(path));
}

/** @throws ModelDirectoryError that names the field */
export function parseManifest(source: string, content: unknown): ModelManifest {
  return parseFields(source, content, manifestFile);
}

export async function writeManifest(directory: string, manifest: ModelManifest): Promise<void> {
  await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Writes the manifest of what lies in the folder now; what an earlier one says of where it came from stays. */
export async function recordManifest(directory: string): Promise<void> {
  const path = join(directory, MANIFEST);
  const before = existsSync(path) ? await readManifest(path) : { files: [] };
  await writeManifest(directory, { ...before, files: await listFiles(directory, before.files) });
}

/** Lists the files that lie in a model's folder; where they came from is taken over from what was known before. */
export async function listFiles(
  directory: string,
  known: readonly Pick<ListedFile, 'path' | 'url'>[],
): Promise<ListedFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(directory, '/').length))
    .filter((path) => path !== MANIFEST && !path.startsWith('.') && !path.endsWith('.partial'))
    .sort();
  const files: ListedFile[] = [];
  for (const path of paths) {
    const url = known.find((file) => file.path === path)?.url;
    files.push({ path, ...(url !== undefined && { url }), ...(await contentOf(join(directory, path))) });
  }
  return files;
}

/** What is other than the manifest in the folder says, a line each; null without a manifest. */
export async function differencesFromManifest(directory: string): Promise<readonly string[] | null> {
  const path = join(directory, MANIFEST);
  if (!existsSync(path)) return null;
  const problems: string[] = [];
  for (const file of (await readManifest(path)).files) {
    const found = await contentOf(join(directory, file.path)).catch(() => null);
    const problem = found === null ? 'is missing' : differenceOf(file, found);
    if (problem !== null) problems.push(`${file.path} ${problem}`);
  }
  return problems;
}

/** In words; null: it is what was expected. */
export function differenceOf(
  expected: Pick<ListedFile, 'bytes' | 'sha256'>,
  found: Pick<ListedFile, 'bytes' | 'sha256'>,
): string | null {
  if (found.bytes < expected.bytes) return `is truncated: ${found.bytes} of ${expected.bytes} bytes`;
  if (found.bytes > expected.bytes) return `has ${found.bytes} bytes, expected ${expected.bytes}`;
  if (found.sha256 !== expected.sha256) return `has SHA-256 ${found.sha256}, expected ${expected.sha256}`;
  return null;
}

/** @throws ModelDirectoryError when it can't be read */
export async function contentOf(path: string): Promise<Pick<ListedFile, 'bytes' | 'sha256'>> {
  try {
    const hash = createHash('sha256');
    for await (const part of createReadStream(path)) hash.update(part as Buffer);
    return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
  } catch (error) {
    throw new ModelDirectoryError(`${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
}
