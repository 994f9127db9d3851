import type { Embedding } from './embedding.js';

/**
 * At most `capacity` embeddings of one variant, a uniform random part of all that were offered: those whose ids have the
 * smallest hashes (bottom-k). Which ones are kept depends on the set of ids alone, not on their order, their grouping or how
 * often one was offered, so merging is exact, and repeated messages do no harm.
 *
 * Source: Broder, On the resemblance and containment of documents, 1997, §3; Cohen & Kaplan, Summarizing data using bottom-k
 * sketches, PODC 2007. Assumption: ids don't depend on what the pictures show. Use one id per unit where units make several.
 */
export interface EmbeddingReservoir {
  readonly capacity: number;
  /** Another seed keeps other embeddings; only states with equal seeds can be merged. */
  readonly seed: number;
  /** Rising by priority, then id: every beginning is itself a uniform random part. */
  readonly kept: readonly KeptEmbedding[];
}

export interface KeptEmbedding {
  readonly id: string;
  readonly priority: number;
  readonly embedding: Embedding;
}

export function initialReservoir(capacity: number, seed: number): EmbeddingReservoir {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`capacity ${capacity}: expected a positive integer`);
  }
  return { capacity, seed, kept: [] };
}

/** The reservoir after one more embedding; the same reservoir where it is not kept. O(capacity) if kept, else O(log capacity). */
export function offerEmbedding(reservoir: EmbeddingReservoir, id: string, embedding: Embedding): EmbeddingReservoir {
  const offered: KeptEmbedding = { id, priority: samplingPriority(id, reservoir.seed), embedding };
  const place = placeOf(reservoir.kept, offered);
  if (place >= reservoir.capacity || reservoir.kept[place]?.id === id) return reservoir;
  const kept = [...reservoir.kept.slice(0, place), offered, ...reservoir.kept.slice(place)];
  return { ...reservoir, kept: kept.slice(0, reservoir.capacity) };
}

/** The reservoir of everything that was offered to either. Exact; commutative, associative, idempotent. O(capacity). */
export function mergeReservoirs(a: EmbeddingReservoir, b: EmbeddingReservoir): EmbeddingReservoir {
  if (a.seed !== b.seed || a.capacity !== b.capacity) {
    throw new RangeError(
      `can't merge reservoirs of seed ${a.seed}, capacity ${a.capacity} and seed ${b.seed}, capacity ${b.capacity}: expected equal ones`,
    );
  }
  const kept: KeptEmbedding[] = [];
  let [i, j] = [0, 0];
  while (kept.length < a.capacity) {
    const left = a.kept[i];
    const right = b.kept[j];
    if (left === undefined && right === undefined) break;
    const order = left === undefined ? 1 : right === undefined ? -1 : compare(left, right);
    kept.push((order <= 0 ? left : right) as KeptEmbedding);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
  return { ...a, kept };
}

/** The kept embeddings, by priority. */
export function embeddingsOf({ kept }: EmbeddingReservoir): readonly Embedding[] {
  return kept.map(({ embedding }) => embedding);
}

/**
 * A seeded hash of an id, uniform on [0, 1): 52 bits from two FNV-1a hashes, each finished by MurmurHash3's avalanche so that
 * ids that differ in the last digit are far apart. Not cryptographic. O(length).
 */
export function samplingPriority(id: string, seed: number): number {
  const high = avalanche(fnv1a(id, Math.imul(seed, 0x9e3779b1) ^ 0x811c9dc5));
  const low = avalanche(fnv1a(id, high ^ 0x5bd1e995));
  return ((high >>> 6) * 2 ** 26 + (low >>> 6)) / 2 ** 52;
}

function fnv1a(text: string, basis: number): number {
  let hash = basis;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}

function avalanche(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** First place whose entry is not before `offered`. */
function placeOf(kept: readonly KeptEmbedding[], offered: KeptEmbedding): number {
  let [from, to] = [0, kept.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compare(kept[middle] as KeptEmbedding, offered) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function compare(a: KeptEmbedding, b: KeptEmbedding): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
