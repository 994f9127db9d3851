import { initialLimit, type MeanLimit, observeLimit, readLimit } from '#libs/statistics';
import { expectNumber } from './planned-metric.js';
import { type RandomStream, randomStream } from './random-stream.js';
import { pointOfRuns, spreadOfRuns, type SpreadOfRuns } from './spread-of-runs.js';

const DEFAULT_RUNS = 200;
const DEFAULT_SEED = 1;
/** A proof that takes a variant more units is none that anybody waits for. */
const DEFAULT_MOST_UNITS = 200_000;

/** One variant's values: a share of them is `event` and the others are `other`; or they are normal. */
export type LimitedValues =
  | { readonly kind: 'events'; readonly share: number; readonly event: number; readonly other: number }
  | { readonly kind: 'normal'; readonly mean: number; readonly spread: number };

export interface LimitQuestion {
  readonly values: LimitedValues;
  /** Bounds and limit in the values' unit; negated where less is beyond it, as the values are. */
  readonly limit: MeanLimit;
  readonly alpha: number;
  /** Probability with which the answer's units are to suffice. */
  readonly power: number;
  readonly seed?: number;
  readonly runs?: number;
  readonly mostUnits?: number;
}

/** `beyond-limit`: the values are at the limit or beyond it; `beyond-simulation`: too many runs had no proof after the most units. */
export type LimitAnswer =
  | (SpreadOfRuns & { readonly missing: null; /** Units of the one variant. */ readonly units: number })
  | { readonly missing: 'beyond-limit' | 'beyond-simulation' };

/**
 * Units of one variant after which its values are proven within an absolute limit, with the wanted power, looked at after each.
 * Simulated with the e-process that decides ({@link observeLimit}), repeatable by `seed`.
 *
 * Source: Waudby-Smith & Ramdas, JRSS-B 86 (2024), §4. Assumptions: independent units of one law, in one part of the log.
 * O(runs · units).
 */
export function unitsWithinLimit(question: LimitQuestion): LimitAnswer {
  const { values, limit, alpha, power, seed = DEFAULT_SEED, runs = DEFAULT_RUNS } = question;
  const { mostUnits = DEFAULT_MOST_UNITS } = question;
  expectQuestion(question);
  if (meanOf(values) >= limit.limit) return { missing: 'beyond-limit' };
  const ends = Array.from({ length: runs }, (_, run) =>
    unitsOfRun({ values, limit, threshold: -Math.log(alpha), mostUnits }, randomStream(seed, run)),
  );
  const { at: units } = pointOfRuns(ends, power);
  return units === null ? { missing: 'beyond-simulation' } : { missing: null, units, ...spreadOfRuns(ends) };
}

interface Run {
  readonly values: LimitedValues;
  readonly limit: MeanLimit;
  readonly threshold: number;
  readonly mostUnits: number;
}

/** +∞ where there is no proof. */
function unitsOfRun({ values, limit, threshold, mostUnits }: Run, random: RandomStream): number {
  const evidence = initialLimit();
  for (let units = 1; units <= mostUnits; units++) {
    observeLimit(evidence, limit, draw(values, random), true);
    if (readLimit(evidence).lnEWithin >= threshold) return units;
  }
  return Infinity;
}

function draw(values: LimitedValues, random: RandomStream): number {
  if (values.kind === 'normal') return values.mean + values.spread * random.normal();
  return random.uniform() < values.share ? values.event : values.other;
}

function meanOf(values: LimitedValues): number {
  return values.kind === 'normal' ? values.mean : values.share * values.event + (1 - values.share) * values.other;
}

function expectQuestion({ values, limit: { lo, hi, limit }, alpha, power, runs = DEFAULT_RUNS }: LimitQuestion): void {
  if (values.kind === 'events') {
    expectNumber('share', values.share, values.share >= 0 && values.share <= 1, 'a number from 0 to 1');
  } else {
    expectNumber('mean', values.mean, Number.isFinite(values.mean), 'a finite number');
    expectNumber('spread', values.spread, values.spread >= 0 && values.spread < Infinity, 'a number from 0 on');
  }
  expectNumber('limit', limit, lo < limit && limit < hi, `between ${lo} and ${hi}`);
  expectNumber('alpha', alpha, alpha > 0 && alpha < 1, 'a number between 0 and 1');
  expectNumber('power', power, power > 0 && power < 1, 'a number between 0 and 1');
  expectNumber('runs', runs, Number.isInteger(runs) && runs > 0, 'a positive integer');
}
