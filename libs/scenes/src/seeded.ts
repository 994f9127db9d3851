import { sfc32 } from './sfc32.js';

/**
 * Small seeded randomness in 32-bit integer arithmetic: the same numbers on every machine.
 * No transcendental function is used, because their last bit may differ between engines.
 */
export interface SeededRandom {
  /** Uniform 32-bit integer. */
  uint32(): number;
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Uniform integer in [0, count). */
  index(count: number): number;
  pick<T>(values: readonly T[]): T;
}

const TWO_32 = 4_294_967_296;

/** Seeded by two 32-bit numbers. */
export function seededRandom(seedA: number, seedB = 0): SeededRandom {
  const uint32 = sfc32([seedA, seedB, 0x9e3779b9], 12);
  const uniform = (): number => uint32() / TWO_32;
  const index = (count: number): number => Math.floor(uniform() * count);
  return {
    uint32,
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    index,
    pick: (values) => values[index(values.length)]!,
  };
}

/** MurmurHash3 x86 32-bit over the UTF-16 code units of `text`, two bytes each (A. Appleby; public domain algorithm). */
export function hashText(text: string, seed = 0): number {
  let hash = seed | 0;
  const pairs = text.length & ~1;
  for (let at = 0; at < pairs; at += 2) {
    hash ^= scramble(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (pairs < text.length) hash ^= scramble(text.charCodeAt(pairs));
  hash ^= text.length * 2;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
