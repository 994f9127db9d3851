import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseFields } from '../checkpoint/fields.js';
import { readJsonFile } from '../checkpoint/read-file.js';

/** Lowest cosine to a golden embedding, by the precision in which an engine computes: another order of additions stays far above it. */
export const LOWEST_GOLDEN_COSINE = { f32: 0.9999, f16: 0.999 } as const;

const embedding = z.array(z.number()).min(1);
const goldenFile = z.object({
  /** What computed them, with versions. */
  source: z.string(),
  /** Of the pictures of {@link goldenPixels}, in their order. */
  pictures: z.array(embedding).min(1),
  texts: z.array(z.object({ ids: z.array(z.int().min(0)).min(2), embedding })).min(1),
});

/** Embeddings that another implementation computed with the same weights: `golden.json` of a model's directory. */
export type GoldenEmbeddings = z.infer<typeof goldenFile>;

/**
 * @returns null for a model that brings none along
 * @throws ModelDirectoryError when the file is no such list
 */
export async function readGolden(directory: string): Promise<GoldenEmbeddings | null> {
  const file = join(directory, 'golden.json');
  if (!existsSync(file)) return null;
  return parseFields(file, await readJsonFile(file), goldenFile);
}

/** The pixels that golden embeddings belong to: no picture of anything, and the same in every language. */
export function goldenPixels(count: number, side: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    { length: count * side ** 2 * 3 },
    (_, at) => (at * 37 + (at >> 9) * 11 + (at >> 17) * 5) % 251,
  );
}
