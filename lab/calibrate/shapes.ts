import normalQuantile from '@stdlib/stats-base-dists-normal-quantile';

/** What the values of the simulated metrics look like. */
export const shapeNames = ['binary', 'lognormal', 'bounded', 'spread-doubled', 'other-shape'] as const;
export type ShapeName = (typeof shapeNames)[number];

/** The drift of every run: both variants' values rise by so many of control's standard deviations from its first event to its last. */
export const DRIFT_SD = 0.5;

/** Share of bad events of control at the start. */
export const BAD_RATE = 0.02;

/**
 * A metric as both variants produce it, as functions of a standard normal z (which makes values of one user easy to
 * correlate) and of the drift in standard deviations. Without a shift the two have equal means.
 */
export interface ValueShape {
  readonly name: ShapeName;
  readonly description: string;
  /** The direction in which the metric is bad. */
  readonly worse: 'lower' | 'higher';
  /** How much worse the candidate's mean may be. */
  readonly margin: { readonly kind: 'relative' | 'absolute'; readonly value: number };
  /** The harmful candidate of the power part, as a table names it. */
  readonly harm: string;
  control(z: number, drift: number): number;
  /**
   * @param shift how much worse it is: added to the value in the bad direction; for `binary` to z.
   * @param factor multiplies the value (lognormal only; 1 elsewhere).
   */
  candidate(z: number, drift: number, shift: number, factor: number): number;
}

const BAD_ABOVE = -normalQuantile(BAD_RATE, 0, 1);
const ALIGNMENT = 0.3;
const ALIGNMENT_SD = 0.035;
/** One generation in twelve needs a second pass. */
const EXPENSIVE_SHARE = 0.08;
const EXPENSIVE_ABOVE = -normalQuantile(EXPENSIVE_SHARE, 0, 1);
const EXPENSIVE = 2.5;
const CHEAP = (1 - EXPENSIVE_SHARE * EXPENSIVE) / (1 - EXPENSIVE_SHARE);
const COST_SD = 0.5;

export const valueShapes: Readonly<Record<ShapeName, ValueShape>> = {
  binary: {
    name: 'binary',
    description: 'rare bad events, 2 %; margin +1 percentage point (betting), a rate × 1.5 (tilt)',
    worse: 'higher',
    margin: { kind: 'absolute', value: 0.01 },
    harm: '2 % → 6 % bad events',
    control: (z, drift) => (z + drift > BAD_ABOVE ? 1 : 0),
    candidate: (z, drift, shift) => (z + drift + shift > BAD_ABOVE ? 1 : 0),
  },
  lognormal: {
    name: 'lognormal',
    description:
      'latency with a heavy tail, lognormal with σ = 1; margin +25 % of the mean (betting), of the 95th percentile (tilt)',
    worse: 'higher',
    margin: { kind: 'relative', value: 0.25 },
    harm: 'every value × 1.6',
    control: (z, drift) => Math.exp(z + drift),
    candidate: (z, drift, shift, factor) => factor * Math.exp(z + drift) + shift,
  },
  bounded: {
    name: 'bounded',
    description: 'alignment, .30 ± .035 between 0 and 1; margin −.01',
    worse: 'lower',
    margin: { kind: 'absolute', value: 0.01 },
    harm: 'mean lower by .02',
    control: (z, drift) => unit(ALIGNMENT + ALIGNMENT_SD * (z + drift)),
    candidate: (z, drift, shift) => unit(ALIGNMENT + ALIGNMENT_SD * (z + drift) - shift),
  },
  'spread-doubled': {
    name: 'spread-doubled',
    description: 'alignment, control .30 ± .035, candidate .30 ± .07; margin −.01',
    worse: 'lower',
    margin: { kind: 'absolute', value: 0.01 },
    harm: 'mean lower by .02',
    control: (z, drift) => unit(ALIGNMENT + ALIGNMENT_SD * (z + drift)),
    candidate: (z, drift, shift) => unit(ALIGNMENT + ALIGNMENT_SD * (2 * z + drift) - shift),
  },
  'other-shape': {
    name: 'other-shape',
    description:
      'cost, control normal 1 ± .5, candidate of the same mean: 8 % of its values are 2.5, the others .87; margin +10 %',
    worse: 'higher',
    margin: { kind: 'relative', value: 0.1 },
    harm: 'mean higher by .25',
    control: (z, drift) => 1 + COST_SD * (z + drift),
    candidate: (z, drift, shift) => (z > EXPENSIVE_ABOVE ? EXPENSIVE : CHEAP) + COST_SD * drift + shift,
  },
};

/** The shift of the harmful candidate of the power part, and its factor. */
export const harms: Readonly<Record<ShapeName, { readonly shift: number; readonly factor: number }>> = {
  binary: { shift: normalQuantile(0.06, 0, 1) - normalQuantile(BAD_RATE, 0, 1), factor: 1 },
  lognormal: { shift: 0, factor: 1.6 },
  bounded: { shift: 0.02, factor: 1 },
  'spread-doubled': { shift: 0.02, factor: 1 },
  'other-shape': { shift: 0.25, factor: 1 },
};

/**
 * Drift after a fraction of the run, in standard deviations of z. For `binary` it is chosen so that the rate rises evenly from 2 % to 6 %, which is
 * half a standard deviation of z as well.
 */
export function driftAfter(shape: ShapeName, fraction: number): number {
  if (shape !== 'binary') return DRIFT_SD * fraction;
  return normalQuantile(badRateAfter(fraction), 0, 1) - normalQuantile(BAD_RATE, 0, 1);
}

/** Control's share of bad events after a fraction of a drifting run. */
export function badRateAfter(fraction: number): number {
  return BAD_RATE + 0.04 * fraction;
}

/** The shift of z that makes bad events of rate `from` happen at rate `to`. */
export function rateShift(from: number, to: number): number {
  return normalQuantile(to, 0, 1) - normalQuantile(from, 0, 1);
}

/** Bounds between which values are compared, as betting clips them. */
export interface Bounds {
  readonly lo: number;
  readonly hi: number;
}

/** Points of the standard normal by which expectations are computed: the middles of as many equally probable parts. */
const POINTS = Float64Array.from({ length: 400 }, (_, index) => normalQuantile((index + 0.5) / 400, 0, 1));

/**
 * The shift at which the candidate's mean, clipped to the bounds, is worse than control's by exactly `margin`: the boundary
 * of what betting tests. Newton's method on the quadrature; the derivative is the share of values within the bounds.
 */
export function boundaryShift(shape: ValueShape, drift: number, margin: number, { lo, hi }: Bounds): number {
  const sign = shape.worse === 'higher' ? 1 : -1;
  let control = 0;
  for (const z of POINTS) control += clip(shape.control(z, drift), lo, hi);
  let shift = margin;
  for (let step = 0; step < 6; step++) {
    let candidate = 0;
    let within = 0;
    for (const z of POINTS) {
      const value = shape.candidate(z, drift, shift, 1);
      candidate += clip(value, lo, hi);
      if (value > lo && value < hi) within += 1;
    }
    const excess = (sign * (candidate - control)) / POINTS.length - margin;
    if (Math.abs(excess) < 1e-6 * margin || within === 0) break;
    shift -= (excess * POINTS.length) / within;
  }
  return shift;
}

/** Mean and variance of a shape's values, clipped to the bounds. */
export function clippedMoments(
  valueOf: (z: number) => number,
  { lo, hi }: Bounds,
): { readonly mean: number; readonly variance: number } {
  let sum = 0;
  let sumOfSquares = 0;
  for (const z of POINTS) {
    const value = clip(valueOf(z), lo, hi);
    sum += value;
    sumOfSquares += value * value;
  }
  const mean = sum / POINTS.length;
  return { mean, variance: Math.max(0, sumOfSquares / POINTS.length - mean * mean) };
}

function clip(value: number, lo: number, hi: number): number {
  return value < lo ? lo : value > hi ? hi : value;
}

function unit(value: number): number {
  return clip(value, 0, 1);
}
