import { seededRandom } from './seeded.js';

const TABLE_LENGTH = 1 << 17;
let table: Uint8Array | null = null;

/** Noise comes as whole numbers 0…255, so that a table with one entry for each of them can stand for any function of it. */
export const NOISE_VALUES = 256;

/** Standard deviations that the noise number `value` stands for: −4 to 3.97 in steps of 1/32. */
export function noiseDeviations(value: number): number {
  return (value - 128) / 32;
}

/**
 * `count` independent noise numbers, nearly normal (the sum of twelve uniforms, Irwin–Hall): a slice of one fixed table at a place
 * that `seed` (32-bit integer) chooses. Slices of different seeds may overlap. O(1) after the first call.
 * The sum is used instead of a logarithm because its bits are the same on every machine.
 */
export function gaussianNoise(seed: number, count: number): Uint8Array {
  if (count > TABLE_LENGTH / 2)
    throw new RangeError(`at most ${TABLE_LENGTH / 2} numbers can be drawn at once, not ${count}`);
  table ??= fillTable();
  const offset = seededRandom(seed, 0x6e6f6973).index(TABLE_LENGTH - count);
  return table.subarray(offset, offset + count);
}

function fillTable(): Uint8Array {
  const random = seededRandom(0x7ab1e, 1);
  return Uint8Array.from({ length: TABLE_LENGTH }, () => {
    let sum = -6;
    for (let term = 0; term < 12; term += 1) sum += random.uniform();
    return Math.min(NOISE_VALUES - 1, Math.max(0, Math.floor(128.5 + 32 * sum)));
  });
}
