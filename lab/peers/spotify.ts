import {
  type MeanRefusal,
  proportionsChiSquareTest,
  type ProportionsRefusal,
  type Refused,
  twoProportionTest,
  type WelchResult,
  welchTest,
} from '#lab/methods';
import { normalUpperQuantile, normalUpperTail } from '#libs/statistics';

/** Sums of one variant, as Spotify's `confidence` takes them. */
export interface Sums {
  readonly n: number;
  readonly sum: number;
  readonly sumOfSquares: number;
}

/** Successes and trials of one variant. */
export interface Successes {
  readonly successes: number;
  readonly trials: number;
}

/** Welch's t test of treatment − control, from sums (spotify/confidence, `StudentsTTest`); refuses as {@link welchTest} does. */
export function welchFromSums(control: Sums, treatment: Sums, alpha: number): WelchResult | Refused<MeanRefusal> {
  return welchTest(summary(treatment), summary(control), { alpha });
}

export interface ProportionsCompared {
  /** Treatment − control. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly p: number;
}

/**
 * Two proportions (spotify/confidence): p of the pooled χ² test (`ChiSquared`) or of the unpooled z test (`ZTest`); the interval
 * is Wald's in both, so that with `chi-square` p and interval may disagree at the edge. Refuses without trials or variance.
 */
export function compareProportions(
  control: Successes,
  treatment: Successes,
  alpha: number,
  method: 'chi-square' | 'z-test',
): ProportionsCompared | Refused<ProportionsRefusal> {
  const wald = twoProportionTest(treatment, control, { variance: 'unpooled' });
  const tested = method === 'z-test' ? wald : proportionsChiSquareTest([treatment, control]);
  if ('refused' in wald) return wald;
  if ('refused' in tested) return tested;
  const halfWidth = normalUpperQuantile(alpha / 2) * wald.standardError;
  return {
    difference: wald.difference,
    low: wald.difference - halfWidth,
    high: wald.difference + halfWidth,
    p: tested.p,
  };
}

/**
 * Two-sided levels of a group-sequential test that spends `α t²` by information time t: the level each look may be tested at
 * (spotify/confidence, `final_expected_sample_size_column`).
 *
 * @param counts units seen at each look, both variants together, growing. Time is counts over the expected final count; where
 *   more units came than expected, over what came (the levels of earlier looks then differ from those used at the time).
 *
 * Method: error spending of Lan & DeMets, Biometrika 70(3), 1983, with the power family of Kim & DeMets, Biometrika 74(1), 1987,
 * exponent 2; the crossing probabilities by Armitage, McPherson & Rowe's recursion (JRSS-A 132(2), 1969) on Simpson's rule.
 * O(looks · 400²) and a bisection of 60 cheap steps per look.
 */
export function groupSequentialLevels(
  counts: readonly number[],
  expectedFinal: number,
  alpha: number,
): readonly number[] {
  counts.forEach((count, look) => {
    if (!(count > (look === 0 ? 0 : (counts[look - 1] as number)))) {
      throw new RangeError(`look ${look} has ${count} units: expected more than at the look before`);
    }
  });
  const final = Math.max(expectedFinal, ...counts);
  const levels: number[] = [];
  let density: Grid | null = null;
  let before = 0;
  let spentBefore = 0;
  for (const count of counts) {
    const time = count / final;
    const spent = alpha * time * time;
    const spread = Math.sqrt(time - before);
    const beyond = (z: number): number => crossing(density, spread, z * Math.sqrt(time));
    const z = rootOfDecreasing((candidate) => beyond(candidate) - (spent - spentBefore));
    levels.push(2 * normalUpperTail(z));
    density = continued(density, spread, z * Math.sqrt(time));
    before = time;
    spentBefore = spent;
  }
  return levels;
}

/** Sub-density of the Brownian path that has not crossed, on equally spaced points of (−edge, edge), with Simpson's weights. */
interface Grid {
  readonly points: Float64Array;
  readonly weighted: Float64Array;
}

const INTERVALS = 400;

/** P(not crossed before, and |path| > edge now), the path having moved by N(0, spread²). */
function crossing(grid: Grid | null, spread: number, edge: number): number {
  if (grid === null) return 2 * normalUpperTail(edge / spread);
  let sum = 0;
  grid.points.forEach((from, i) => {
    const beyond = normalUpperTail((edge - from) / spread) + normalUpperTail((edge + from) / spread);
    sum += (grid.weighted[i] as number) * beyond;
  });
  return sum;
}

function continued(grid: Grid | null, spread: number, edge: number): Grid {
  const step = (2 * edge) / INTERVALS;
  const points = Float64Array.from({ length: INTERVALS + 1 }, (_, i) => -edge + i * step);
  const weighted = points.map((to, i) => {
    const weight = (step / 3) * (i === 0 || i === INTERVALS ? 1 : i % 2 === 1 ? 4 : 2);
    if (grid === null) return weight * normalDensity(to, spread);
    let density = 0;
    grid.points.forEach((from, j) => {
      density += (grid.weighted[j] as number) * normalDensity(to - from, spread);
    });
    return weight * density;
  });
  return { points, weighted };
}

function normalDensity(x: number, spread: number): number {
  return Math.exp(-0.5 * (x / spread) ** 2) / (spread * Math.sqrt(2 * Math.PI));
}

function rootOfDecreasing(f: (z: number) => number): number {
  let low = 0;
  let high = 20;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (f(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function summary({ n, sum, sumOfSquares }: Sums): { n: number; mean: number; variance: number } {
  const variance = n < 2 ? 0 : Math.max(0, sumOfSquares - (sum * sum) / n) / (n - 1);
  return { n, mean: n === 0 ? 0 : sum / n, variance };
}
