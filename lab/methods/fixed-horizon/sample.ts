import type { Refused } from './refusal.js';

/** Moments of a sample: `variance` is the unbiased one (divisor n − 1), in the squared unit of the values. */
export interface SampleSummary {
  readonly n: number;
  readonly mean: number;
  readonly variance: number;
}

/** Independent values of one arm, one per unit. Null stands for a missing value, which the tests refuse. */
export type Values = ArrayLike<number | null>;

/** What a test of means needs to know of an arm: its values, or their moments. */
export type Sample = Values | SampleSummary;

/**
 * The moments of a sample with at least two finite values. O(n), two passes.
 *
 * Refuses null and NaN (`not-a-number`), infinities and overflow (`not-finite`), and fewer than two values
 * (`too-few-values`). Throws for moments no sample has: n not a whole number, a negative variance.
 */
export function summaryOf(sample: Sample): SampleSummary | Refused<'not-a-number' | 'not-finite' | 'too-few-values'> {
  const summary = isSummary(sample) ? sample : summarise(sample);
  if ('refused' in summary) return summary;
  const { n, mean, variance } = summary;
  if (!(Number.isInteger(n) && n >= 0)) throw new RangeError(`n is ${n}, expected a number of values, 0 or more`);
  if (n < 2) return { refused: 'too-few-values' };
  if (Number.isNaN(mean) || Number.isNaN(variance)) return { refused: 'not-a-number' };
  if (variance < 0) throw new RangeError(`the variance is ${variance}, expected 0 or more`);
  if (!Number.isFinite(mean) || !Number.isFinite(variance)) return { refused: 'not-finite' };
  return summary;
}

/** The values as numbers, or the reason why they can't be ranked. Infinities can: a timeout is slower than anything. O(n). */
export function rankable(values: Values): Float64Array | Refused<'not-a-number'> {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number' || Number.isNaN(value)) return { refused: 'not-a-number' };
    numbers[i] = value;
  }
  return numbers;
}

function isSummary(sample: Sample): sample is SampleSummary {
  return 'mean' in sample;
}

function summarise(values: Values): SampleSummary | Refused<'not-a-number' | 'not-finite'> {
  const numbers = rankable(values);
  if ('refused' in numbers) return numbers;
  if (numbers.some((value) => !Number.isFinite(value))) return { refused: 'not-finite' };
  // Shifted by the first value, equal values have the variance 0 and not that of their rounding.
  const shift = numbers[0] ?? 0;
  const n = numbers.length;
  let sum = 0;
  for (const value of numbers) sum += value - shift;
  const shiftedMean = n === 0 ? 0 : sum / n;
  let squares = 0;
  for (const value of numbers) squares += (value - shift - shiftedMean) ** 2;
  return { n, mean: shift + shiftedMean, variance: n < 2 ? 0 : squares / (n - 1) };
}
