import { type PlannedMetric, tailShareOf } from './planned-metric.js';
import { stoppingUnits } from './stopping-units.js';
import {
  DEFAULT_RUNS,
  detectionLaw,
  expectQuestion,
  type UnitsQuestion,
  type UnitsRefusal,
} from './units-to-decide.js';

const DEFAULT_SEED = 1;
/** The effect beyond the margin is found to about 2 %. */
const RELATIVE_PRECISION = 0.02;

export type SmallestEffectQuestion = Omit<UnitsQuestion, 'effect'> & {
  /** Units of both variants there will be. */
  readonly units: number;
};

export type SmallestEffectAnswer =
  | {
      readonly missing: null;
      /** In the metric's scale of effects; always beyond the margin. */
      readonly effect: number;
      /** Share of the runs that found it, and the simulation's standard error of that share. */
      readonly powerReached: number;
      readonly standardError: number;
    }
  | {
      readonly missing:
        | Extract<UnitsRefusal, 'margin-beyond-range' | 'no-events' | 'not-randomised'>
        | 'not-enough-units';
    };

/**
 * The smallest harm that is found with the wanted power within the given units: by bisection over the effect, every effect judged
 * by the same random numbers. `not-enough-units` where even the largest possible effect is not found in time. About twenty
 * simulations; assumptions as of `unitsToDetect`.
 */
export function smallestEffect({ units, ...asked }: SmallestEffectQuestion): SmallestEffectAnswer {
  if (!(units >= 0)) throw new RangeError(`units ${units}: expected a number from 0 on`);
  const { metric, margin, alpha, power, runs = DEFAULT_RUNS, seed = DEFAULT_SEED } = asked;
  const refusal = expectQuestion({ ...asked, effect: 0 });
  if (refusal === 'margin-beyond-range' || refusal === 'no-events' || refusal === 'not-randomised') {
    return { missing: refusal };
  }
  const powerAt = (beyond: number): number => {
    const law = detectionLaw({ ...asked, effect: margin + beyond });
    const ends = stoppingUnits(law, 0, { alpha, mostUnits: units, runs, seed });
    return ends.filter((end) => end <= units).length / runs;
  };
  let found = largestEffect(metric, margin) - margin;
  let powerReached = found > 0 ? powerAt(found) : 0;
  if (powerReached < power) return { missing: 'not-enough-units' };
  let missed = 0;
  // Halving downwards first, since effects of interest lie orders of magnitude below the largest.
  while (found - missed > RELATIVE_PRECISION * found) {
    const middle = missed === 0 ? found / 2 : (found + missed) / 2;
    const reached = powerAt(middle);
    if (reached >= power) {
      found = middle;
      powerReached = reached;
    } else missed = middle;
  }
  return {
    missing: null,
    effect: margin + found,
    powerReached,
    standardError: Math.sqrt((powerReached * (1 - powerReached)) / runs),
  };
}

/** The worst a candidate can be, as far as the deciding test can tell. */
function largestEffect(metric: PlannedMetric, margin: number): number {
  switch (metric.kind) {
    case 'mean':
      return 8 * Math.max(metric.spread, margin);
    case 'rate':
      return 1 - metric.rate;
    case 'relative-rate':
      return 1 / metric.rate - 1;
    case 'lower-tail':
      return 1 / metric.tailShare - 1;
    case 'upper-tail':
      // Nearly every value above the limit: ten standard deviations of the logarithm more than the limit asks for.
      return (1 + margin) * Math.exp(metric.lnSpread * (10 - Math.log(tailShareOf(metric)))) - 1;
    default:
      return metric satisfies never;
  }
}
