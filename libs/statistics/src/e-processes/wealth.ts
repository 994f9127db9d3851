/**
 * Running products of positive factors ("wealth" of a bettor, one per bet), kept without a logarithm per factor.
 *
 * A product is `mantissa · 2^(256 · exponent)`. Taking a power of two out of a double is exact, so nothing but the
 * multiplications themselves rounds (about 1e-16 per factor, as a sum of logarithms would), and a product neither overflows
 * nor vanishes however many factors it has. An array of `bets` products holds their mantissas first, then their exponents:
 * plain doubles, which survive JSON bit for bit.
 */
export type Wealth = Float64Array;

/** Mantissas between these may stay as they are; where one has left them, {@link rescaleWealth} is due before the next factor. */
export const SMALLEST_MANTISSA = 2 ** -256;
export const LARGEST_MANTISSA = 2 ** 256;

const LN_STEP = 256 * Math.LN2;

/** Every product is 1 before the first factor. */
export function initialWealth(bets: number): Wealth {
  return new Float64Array(2 * bets).fill(1, 0, bets);
}

/** Takes powers of two out of the `count` mantissas from `offset` on that left the range, in place. */
export function rescaleWealth(wealth: Wealth, offset: number, count: number): void {
  for (let index = offset; index < offset + count; index++) rescale(wealth, index);
}

/** ln of the mean of `count` products from `offset` on: one logarithm, however many they are. */
export function lnMeanWealth(wealth: Wealth, offset: number, count: number): number {
  const exponents = wealth.length / 2 + offset;
  const common = wealth[exponents] as number;
  let sum = 0;
  for (let k = 0; k < count; k++) {
    if (wealth[exponents + k] !== common) return lnMeanOfUnequal(wealth, offset, count);
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
  const exponents = wealth.length / 2 + offset;
  let largest = -Infinity;
  for (let k = 0; k < weights.length; k++) largest = Math.max(largest, wealth[exponents + k] as number);
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const below = (wealth[exponents + k] as number) - largest;
    const product = (weights[k] as number) * (wealth[offset + k] as number);
    sum += below === 0 ? product : product * LARGEST_MANTISSA ** below;
  }
  return largest * LN_STEP + Math.log(sum);
}

/** Products of disjoint data, multiplied one by one. Commutative exactly, associative up to rounding. */
export function mergeWealth(a: Wealth, b: Wealth): Wealth {
  if (a.length !== b.length) {
    throw new RangeError(`can't merge the wealth of ${a.length / 2} and ${b.length / 2} bets: their margins differ`);
  }
  const merged = a.map((value, index) => value + (b[index] as number));
  for (let index = 0; index < a.length / 2; index++) {
    merged[index] = (a[index] as number) * (b[index] as number);
    rescale(merged, index);
  }
  return merged;
}

function rescale(wealth: Wealth, index: number): void {
  let mantissa = wealth[index] as number;
  let exponent = wealth[index + wealth.length / 2] as number;
  while (mantissa >= LARGEST_MANTISSA) {
    mantissa *= SMALLEST_MANTISSA;
    exponent += 1;
  }
  while (mantissa <= SMALLEST_MANTISSA) {
    mantissa *= LARGEST_MANTISSA;
    exponent -= 1;
  }
  wealth[index] = mantissa;
  wealth[index + wealth.length / 2] = exponent;
}
