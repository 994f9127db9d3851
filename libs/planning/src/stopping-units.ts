import { logSumExp } from '#libs/statistics';
import { armSampler } from './arm-sampler.js';
import { binomial, randomStream } from './random-stream.js';
import type { UnitLaw } from './unit-law.js';

/** The evidence is looked at when the units have grown by this share: answers are that coarse. */
const LOOK_GROWTH = 0.01;

export interface Runs {
  readonly alpha: number;
  /** A run that hasn't rejected by then ends without a rejection. */
  readonly mostUnits: number;
  readonly runs: number;
  readonly seed: number;
}

/**
 * Units after which one test rejects, run by run; +∞ where it doesn't. O(runs · ln(mostUnits) · 100 · components).
 * Looks grow with the units, so a rejection is dated up to 1 % late.
 */
export function stoppingUnits(law: UnitLaw, test: number, { alpha, mostUnits, runs, seed }: Runs): number[] {
  const sample = { control: armSampler(law.arms.control), candidate: armSampler(law.arms.candidate) };
  const threshold = -Math.log(alpha);
  const components = law.tests * law.perTest;
  return Array.from({ length: runs }, (_, run) => {
    const random = randomStream(seed, run);
    const sums = new Float64Array(components);
    let units = 0;
    while (units < mostUnits) {
      const more = nextLook(units);
      const ofCandidate = binomial(random, more, law.share);
      sample.candidate(sums, ofCandidate, random);
      sample.control(sums, more - ofCandidate, random);
      units += more;
      if (isRejected(sums, law, test, threshold)) return units;
    }
    return Infinity;
  });
}

/** Units until the evidence is looked at again. */
export function nextLook(units: number): number {
  return Math.max(1, Math.round(LOOK_GROWTH * units));
}

/** Whether the mixture of a test's components is at the threshold; it can't be unless one of them is. */
export function isRejected(
  sums: Float64Array,
  { perTest, lnWeights }: Pick<UnitLaw, 'perTest' | 'lnWeights'>,
  test: number,
  threshold: number,
): boolean {
  const from = test * perTest;
  for (let k = from; k < from + perTest; k++) {
    if ((sums[k] as number) < threshold) continue;
    const weighted = sums.subarray(from, from + perTest).map((sum, i) => sum + (lnWeights[from + i] as number));
    return logSumExp(weighted) >= threshold;
  }
  return false;
}
