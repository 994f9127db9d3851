import { type Covariance, covarianceMatrix } from './covariance.js';

/** A ratio of two means over units (cost per image, generations per unit), with its delta-method variance. */
export interface RatioEstimate {
  readonly ratio: number;
  /** Variance of the ratio; null below two units. */
  readonly variance: number | null;
}

/**
 * The ratio mean x / mean y over units and its variance, `(v_x − 2R c_xy + R² v_y) / (n ȳ²)`.
 *
 * Source: Deng, Knoblich, Lu, KDD 2018 (arXiv 1803.06336), eq. 3. Assumptions: units are independent (randomise by unit), and the
 * denominator's mean is many standard errors away from 0.
 * @returns null without units, or where the denominators add up to 0: there is no ratio.
 */
export function ratioOf(pairs: Covariance): RatioEstimate | null {
  if (pairs.n === 0 || pairs.meanY === 0) return null;
  const ratio = pairs.meanX / pairs.meanY;
  const spread = covarianceMatrix(pairs);
  if (spread === null) return { ratio, variance: null };
  const variance = spread.xx - 2 * ratio * spread.xy + ratio * ratio * spread.yy;
  return { ratio, variance: Math.max(0, variance) / (pairs.n * pairs.meanY * pairs.meanY) };
}

/** Where a ratio is linearised: fixed from baseline data before a unit is judged by it. */
export interface RatioBaseline {
  readonly ratio: number;
  readonly meanDenominator: number;
}

/** The baseline of a set of units; null where they have no ratio. */
export function ratioBaseline(pairs: Covariance): RatioBaseline | null {
  const estimate = ratioOf(pairs);
  return estimate === null ? null : { ratio: estimate.ratio, meanDenominator: pairs.meanY };
}

/**
 * One unit's value of a ratio metric, `R₀ + (x − R₀y)/ȳ₀`: an ordinary value per unit, so that means can be compared and bet
 * on. Its mean is R₀ + (R − R₀)·(ȳ/ȳ₀), which is the ratio itself at the baseline and has the sign of the change everywhere.
 *
 * Source: the delta method's first-order term (Deng, Knoblich, Lu 2018, §3.2; Budylin, Drutsa, Katsev, Tsoy, WSDM 2018).
 */
export function linearisedRatio(
  numerator: number,
  denominator: number,
  { ratio, meanDenominator }: RatioBaseline,
): number {
  if (meanDenominator === 0) {
    throw new RangeError('baseline denominator 0: expected the mean of denominators that do not add up to 0');
  }
  return ratio + (numerator - ratio * denominator) / meanDenominator;
}
