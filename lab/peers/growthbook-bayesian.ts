import { normalLowerTail, normalUpperQuantile, normalUpperTail } from '#libs/statistics';
import type { Effect } from './growthbook-effect.js';

/** Normal prior of the relative effect. */
export interface GaussianPrior {
  readonly mean: number;
  readonly variance: number;
}

export interface Posterior {
  readonly mean: number;
  readonly standardDeviation: number;
  /** Equal-tailed 1 − α interval. */
  readonly low: number;
  readonly high: number;
  /** P(effect > 0). */
  readonly chanceToWin: number;
  readonly risk: Risk;
}

/** Expected loss of either choice, in the effect's own scale. */
export interface Risk {
  /** Of staying with control: E[max(effect, 0)]. */
  readonly control: number;
  /** Of choosing treatment: E[max(−effect, 0)]. */
  readonly treatment: number;
}

/**
 * GrowthBook's posterior of an effect: normal likelihood, normal prior, precisions add up
 * (docs.growthbook.io/statistics/details, "Bayesian Engine"). A prior is given for relative effects; for an absolute one it is
 * scaled by the control mean.
 *
 * @param prior null: flat, GrowthBook's default.
 */
export function effectPosterior(
  effect: Effect,
  difference: 'absolute' | 'relative',
  prior: GaussianPrior | null,
  alpha: number,
): Posterior {
  const ofData = 1 / effect.standardError ** 2;
  const scale = difference === 'relative' ? 1 : Math.abs(effect.controlMean);
  const ofPrior = prior === null ? 0 : 1 / (prior.variance * scale * scale);
  const priorMean = prior === null ? 0 : prior.mean * scale;
  const precision = ofData + ofPrior;
  const mean = (effect.estimate * ofData + priorMean * ofPrior) / precision;
  const standardDeviation = Math.sqrt(1 / precision);
  const halfWidth = normalUpperQuantile(alpha / 2) * standardDeviation;
  return {
    mean,
    standardDeviation,
    low: mean - halfWidth,
    high: mean + halfWidth,
    chanceToWin: normalLowerTail(mean / standardDeviation),
    risk: normalRisk(mean, standardDeviation),
  };
}

/**
 * E[max(X, 0)] and E[max(−X, 0)] of X ~ N(μ, σ²): `μ Φ(μ/σ) + σ φ(μ/σ)`. The smaller one loses digits beyond |μ/σ| ≈ 5, where it
 * is below 1e-7 σ; never negative.
 */
export function normalRisk(mean: number, standardDeviation: number): Risk {
  const z = mean / standardDeviation;
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  return {
    control: Math.max(0, mean * normalLowerTail(z) + standardDeviation * density),
    treatment: Math.max(0, standardDeviation * density - mean * normalUpperTail(z)),
  };
}
