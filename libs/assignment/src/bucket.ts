import { MILLION } from '#libs/contracts';
import { asciiOnly, hashPrefix, murmur3, murmur3After, type HashedPrefix } from './murmur3.js';

/**
 * Salts keep draws apart that must be independent of each other. The gate (does the unit take part at all?) and the arm (which
 * variant?) never share one: with one hash for both, those let in by a 10 % gate are exactly those with the smallest hash, and
 * all of them land in the same arm. A new revision is a new salt: it starts with no evidence and with units drawn afresh. The share of an
 * audience is drawn by a third hash, which outlasts revisions: a larger share is one, and keeps those whom the smaller one had.
 */
export const salts = {
  arm: (experiment: string, revision: number): string => `arm:${experiment}:${revision}`,
  gate: (layer: string): string => `gate:${layer}`,
  audience: (experiment: string): string => `audience:${experiment}`,
} as const;

/** Hash of a unit under a salt: `murmur3_32(salt + ":" + unit)`, seed 0. */
export function hashUnit(salt: string, unit: string): number {
  const prefix = prefixes.get(salt) ?? prefixOf(salt);
  return prefix === null ? murmur3(`${salt}:${unit}`) : murmur3After(prefix, unit);
}

/** Salts are few and units many: what is the same for all of them is hashed once. null: a salt that is not ASCII. */
const prefixes = new Map<string, HashedPrefix | null>();
const MOST_PREFIXES = 1_000;

function prefixOf(salt: string): HashedPrefix | null {
  if (prefixes.size >= MOST_PREFIXES) prefixes.clear();
  const prefix = asciiOnly(salt) ? hashPrefix(`${salt}:`) : null;
  prefixes.set(salt, prefix);
  return prefix;
}

/**
 * Spreads a 32-bit hash over `buckets` equal parts by multiplication and shift, in exact integer arithmetic:
 * floor(hash · buckets / 2³²). The parts differ in size by at most one hash value; nothing is folded by a remainder.
 */
export function bucketOf(hash: number, buckets: number = MILLION): number {
  // Below 2⁵³ for up to 2²¹ buckets, and a division by a power of two is exact.
  return Math.floor((hash * buckets) / 4_294_967_296);
}
