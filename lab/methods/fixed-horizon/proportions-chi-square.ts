import { chiSquareUpperTail } from '../distributions/gamma.js';
import { holmAdjustedP } from '../many-metrics/adjusted-p.js';
import { type Proportion, shareOf } from './proportion.js';
import type { Refused } from './refusal.js';

export interface ChiSquareResult {
  /** Pearson's χ², without correction for continuity. */
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
}

export type ProportionsRefusal = 'too-few-values' | 'no-trials' | 'no-variance';

/** One pair of the samples, by their places in the input. */
export interface PairOfProportions {
  readonly first: number;
  readonly second: number;
  readonly test: ChiSquareResult | Refused<ProportionsRefusal>;
  /** p adjusted for all pairs; null where the test refused. */
  readonly adjustedP: number | null;
}

/**
 * Pearson's χ² test that k independent proportions are the same.
 *
 * Source: Pearson 1900; Agresti, Categorical Data Analysis (2013), §3.2.1, for a 2 × k table.
 * Assumptions: expected counts of about five and more, one look at a sample size fixed beforehand.
 * Refuses fewer than two samples, a sample without trials, and samples without any success or failure. O(k).
 */
export function proportionsChiSquareTest(
  samples: readonly Proportion[],
): ChiSquareResult | Refused<ProportionsRefusal> {
  if (samples.length < 2) return { refused: 'too-few-values' };
  if (samples.some((sample) => shareOf(sample) === null)) return { refused: 'no-trials' };
  const trials = samples.reduce((sum, sample) => sum + sample.trials, 0);
  const successes = samples.reduce((sum, sample) => sum + sample.successes, 0);
  if (successes === 0 || successes === trials) return { refused: 'no-variance' };
  const share = successes / trials;
  // A sample's successes and failures are off by the same count: both cells in one term.
  const statistic =
    samples.reduce((sum, sample) => sum + (sample.successes - sample.trials * share) ** 2 / sample.trials, 0) /
    (share * (1 - share));
  const df = samples.length - 1;
  return { statistic, df, p: chiSquareUpperTail(statistic, df) };
}

/**
 * {@link proportionsChiSquareTest} of every pair, in the order (0,1), (0,2) … (1,2) …, with p-values adjusted for their number
 * (default Holm). A pair that refuses stays in the family as p = 1, so that which pairs count doesn't depend on the outcome.
 */
export function pairwiseProportionTests(
  samples: readonly Proportion[],
  adjust: (ps: readonly number[]) => readonly number[] = holmAdjustedP,
): readonly PairOfProportions[] {
  const tests = samples.flatMap((one, first) =>
    samples.slice(first + 1).map((other, offset) => ({
      first,
      second: first + 1 + offset,
      test: proportionsChiSquareTest([one, other]),
    })),
  );
  const adjusted = adjust(tests.map(({ test }) => ('refused' in test ? 1 : test.p)));
  return tests.map((pair, index) => ({
    ...pair,
    adjustedP: 'refused' in pair.test ? null : (adjusted[index] as number),
  }));
}
