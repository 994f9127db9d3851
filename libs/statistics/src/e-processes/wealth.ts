/**
 * Running products of positive factors ("wealth" of a bettor, one per bet), kept without a logarithm per factor.
 *
 * A product is `mantissa · 2^(256 · exponent)`. Taking a power of two out of a double is exact, so nothing but the
 * multiplications themselves rounds (about 1e-16 per factor, as a sum of logarithms would), and a product neither overflows
 * nor vanishes however many factors it has. An array of `bets` products holds their mantissas first, then their exponents, two in a
 * double: they are whole numbers, and nearly always 0.
 */
export type Wealth = Float64Array;

/** Mantissas between these may stay as they are; where one has left them, {@link rescaleWealth} is due before the next factor. */
export const SMALLEST_MANTISSA = 2 ** -256;
export const LARGEST_MANTISSA = 2 ** 256;

const LN_STEP = 256 * Math.LN2;

/** Every product is 1 before the first factor. */
export function initialWealth(bets: number): Wealth {
  return new Float64Array(bets + Math.ceil(bets / 2)).fill(1, 0, bets);
}

/** How many products there are. */
export function betsIn(wealth: Wealth): number {
  return Math.floor((2 * wealth.length) / 3);
}

/** As plain numbers, which survive JSON bit for bit: the mantissas, then the exponents. */
export function encodeWealth(wealth: Wealth): number[] {
  const bets = betsIn(wealth);
  return [...wealth.subarray(0, bets), ...Array.from({ length: bets }, (_, index) => exponentOf(wealth, bets, index))];
}

export function decodeWealth(encoded: readonly number[]): Wealth {
  const bets = encoded.length / 2;
  const wealth = initialWealth(bets);
  for (let index = 0; index < bets; index++) {
    wealth[index] = encoded[index] as number;
    addToExponent(wealth, bets, index, encoded[bets + index] as number);
  }
  return wealth;
}

/** The second exponent of a pair counts so much more; both are far smaller. */
const PACKED = 2 ** 26;

function exponentOf(wealth: Wealth, bets: number, index: number): number {
  const pair = wealth[bets + (index >> 1)] as number;
  if (pair === 0) return 0;
  // No −0, which JSON doesn't know.
  const second = Math.round(pair / PACKED) + 0;
  return (index & 1) === 1 ? second : pair - second * PACKED;
}

function addToExponent(wealth: Wealth, bets: number, index: number, more: number): void {
  const at = bets + (index >> 1);
  wealth[at] = (wealth[at] as number) + ((index & 1) === 1 ? more * PACKED : more);
}

/** Takes powers of two out of the `count` mantissas from `offset` on that left the range, in place. */
export function rescaleWealth(wealth: Wealth, offset: number, count: number): void {
  const bets = betsIn(wealth);
  for (let index = offset; index < offset + count; index++) rescale(wealth, bets, index);
}

/** ln of the mean of `count` products from `offset` on: one logarithm, however many they are. */
export function lnMeanWealth(wealth: Wealth, offset: number, count: number): number {
  const bets = betsIn(wealth);
  const common = exponentOf(wealth, bets, offset);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    if (exponentOf(wealth, bets, offset + k) !== common) return lnMeanOfUnequal(wealth, offset, count);
    sum += wealth[offset + k] as number;
  }
  return common * LN_STEP + Math.log(sum / count);
}

/** The same where the products are too far apart for one exponent. */
function lnMeanOfUnequal(wealth: Wealth, offset: number, count: number): number {
  return lnWeightedWealth(
    wealth,
    offset,
    Array.from({ length: count }, () => 1 / count),
  );
}

/** ln of the sum of the products from `offset` on, one per weight, each times its weight. */
export function lnWeightedWealth(wealth: Wealth, offset: number, weights: readonly number[]): number {
  const bets = betsIn(wealth);
  let largest = -Infinity;
  for (let k = 0; k < weights.length; k++) largest = Math.max(largest, exponentOf(wealth, bets, offset + k));
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const below = exponentOf(wealth, bets, offset + k) - largest;
    const product = (weights[k] as number) * (wealth[offset + k] as number);
    sum += below === 0 ? product : product * LARGEST_MANTISSA ** below;
  }
  return largest * LN_STEP + Math.log(sum);
}

/** Products of disjoint data, multiplied one by one. Commutative exactly, associative up to rounding. */
export function mergeWealth(a: Wealth, b: Wealth): Wealth {
  const bets = betsIn(a);
  if (a.length !== b.length) {
    throw new RangeError(`can't merge the wealth of ${bets} and ${betsIn(b)} bets: their margins differ`);
  }
  const merged = a.map((value, index) => value + (b[index] as number));
  for (let index = 0; index < bets; index++) {
    merged[index] = (a[index] as number) * (b[index] as number);
    rescale(merged, bets, index);
  }
  return merged;
}

function rescale(wealth: Wealth, bets: number, index: number): void {
  let mantissa = wealth[index] as number;
  let more = 0;
  while (mantissa >= LARGEST_MANTISSA) {
    mantissa *= SMALLEST_MANTISSA;
    more += 1;
  }
  while (mantissa <= SMALLEST_MANTISSA) {
    mantissa *= LARGEST_MANTISSA;
    more -= 1;
  }
  wealth[index] = mantissa;
  if (more !== 0) addToExponent(wealth, bets, index, more);
}
