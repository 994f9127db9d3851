/**
 * Running products of positive factors ("wealth" of a bettor, one per bet), kept without a logarithm per factor.
 *
 * A product is `mantissa · 2^(256 · exponent)`. Taking a power of two out of a double is exact, so nothing but the
 * multiplications themselves rounds (about 1e-16 per factor, as a sum of logarithms would), and a product neither overflows
 * nor vanishes however many factors it has. An array of `bets` products holds their mantissas first, then their exponents:
 * plain doubles, which survive JSON bit for bit.
 */
export type Wealth = Float64Array;

const STEP = 2 ** 256;
const SMALLEST = 2 ** -256;
const LN_STEP = 256 * Math.LN2;

/** Larger factors are cut to this. Cutting a factor keeps an e-process one; it takes a propensity below 1e-100 to need it. */
const LARGEST_FACTOR = 1e100;

/** Every product is 1 before the first factor. */
export function initialWealth(bets: number): Wealth {
  return new Float64Array(2 * bets).fill(1, 0, bets);
}

/**
 * Multiplies the products from `offset` on, one per fraction f, by 1 + f · share, in place. O(fractions).
 * @param share what the largest bet would win; at least −1, so that with fractions below 1 every factor is positive.
 */
export function multiplyWealth(wealth: Wealth, offset: number, fractions: Float64Array, share: number): void {
  const won = Math.min(share, LARGEST_FACTOR);
  for (let k = 0; k < fractions.length; k++) {
    const product = (wealth[offset + k] as number) * (1 + (fractions[k] as number) * won);
    if (product > SMALLEST && product < STEP) wealth[offset + k] = product;
    else setScaled(wealth, offset + k, product);
  }
}

/** ln of the mean of `count` products from `offset` on: one logarithm, however many they are. */
export function lnMeanWealth(wealth: Wealth, offset: number, count: number): number {
  const exponents = wealth.length / 2 + offset;
  let largest = wealth[exponents] as number;
  for (let k = 1; k < count; k++) largest = Math.max(largest, wealth[exponents + k] as number);
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const mantissa = wealth[offset + k] as number;
    const exponent = wealth[exponents + k] as number;
    sum += exponent === largest ? mantissa : mantissa * STEP ** (exponent - largest);
  }
  return largest * LN_STEP + Math.log(sum / count);
}

/** Products of disjoint data, multiplied one by one. Commutative exactly, associative up to rounding. */
export function mergeWealth(a: Wealth, b: Wealth): Wealth {
  if (a.length !== b.length) {
    throw new RangeError(`can't merge the wealth of ${a.length / 2} and ${b.length / 2} bets: their margins differ`);
  }
  const bets = a.length / 2;
  const merged = a.map((value, index) => value + (b[index] as number));
  for (let k = 0; k < bets; k++) setScaled(merged, k, (a[k] as number) * (b[k] as number));
  return merged;
}

function setScaled(wealth: Wealth, index: number, product: number): void {
  let mantissa = product;
  let exponent = wealth[index + wealth.length / 2] as number;
  while (mantissa >= STEP) {
    mantissa *= SMALLEST;
    exponent += 1;
  }
  while (mantissa <= SMALLEST) {
    mantissa *= STEP;
    exponent -= 1;
  }
  wealth[index] = mantissa;
  wealth[index + wealth.length / 2] = exponent;
}
