import {
  type Arm,
  bet,
  betAround,
  centreOf,
  type Betting,
  type BettingDesign,
  initialBetting,
  mergeBetting,
} from '#libs/statistics';
import {
  initialLinearPredictor,
  type LinearPredictor,
  mergeLinearPredictors,
  observeLinear,
  predict,
  predictionSpread,
} from './linear-predictor.js';

/** Until so many units with covariates have been seen their mean is no useful prediction either. */
const PREDICTION_FROM = 20;

/** Predictions are moved to within so many of their standard deviations around the mean of the past. */
const LARGEST_PREDICTION_IN_SPREADS = 2;

/**
 * Betting with regression adjustment: values are compared with what the unit's covariates let expect (the prompt's features,
 * the user's mean before the experiment) instead of with the mean of the past.
 *
 * Validity. Let c be a prediction from the past and the unit's covariates W, and the arm drawn independently of W with
 * probability ρ. The doubly robust value then has mean
 * `ρ·E[x_T + m − c | W]/ρ − (1 − ρ)·E[x_C − c | W]/(1 − ρ) = E[x_T | W] + m − E[x_C | W]`: c cancels, however wrong the
 * regression is, and averaging over W leaves the difference of the means. For that average the stake λ must not depend on W;
 * so it is the largest that can't go broke at any prediction within a range that the past alone fixes, and predictions
 * are moved into that range. The variance falls to about 1 − R² of what it is without.
 * Assumptions: those of {@link Betting}; **covariates are fixed before the unit is assigned**. One measured afterwards
 * (latency, the picture itself) makes the test wrong.
 *
 * Source: predictable regressors in doubly robust betting, Waudby-Smith et al., arXiv 2210.10768; covariates as in CUPED,
 * Deng, Xu, Kohavi, Walker, WSDM 2013.
 *
 * State merges like betting's: each part predicted from its own past; after merging the regression is that of all parts.
 */
export interface AdjustedBetting {
  readonly betting: Betting;
  readonly predictor: LinearPredictor;
}

export function initialAdjustedBetting(
  design: Pick<BettingDesign, 'harmfulAt' | 'nonInferiorAt'>,
  covariates: number,
): AdjustedBetting {
  return { betting: initialBetting(design), predictor: initialLinearPredictor(covariates) };
}

/**
 * Folds one value with its unit's covariates in, in place. Where a covariate has no finite number, or the past is too short to predict
 * from, the value is compared with the mean of the past. The evidence is read from `betting`.
 * Many parameters because it is called per event, as `bet` is.
 *
 * @returns whether the value was used.
 */
export function betAdjusted(
  { betting, predictor }: AdjustedBetting,
  design: BettingDesign,
  arm: Arm,
  propensity: number,
  value: number,
  covariates: ArrayLike<number>,
): boolean {
  const predicted = predict(predictor, covariates);
  const reach = LARGEST_PREDICTION_IN_SPREADS * predictionSpread(predictor);
  const { mean } = predictor;
  const centre = centreOf(betting, design);
  // A unit without covariates is predicted by the mean, at the stake of all others.
  const isUsed =
    predictor.n < PREDICTION_FROM
      ? bet(betting, design, arm, propensity, value)
      : betAround(betting, design, arm, propensity, value, {
          offset: (predicted ?? mean) - centre,
          lowest: mean - reach - centre,
          highest: mean + reach - centre,
        });
  if (isUsed) observeLinear(predictor, covariates, Math.min(design.hi, Math.max(design.lo, value)));
  return isUsed;
}

/** The evidence of two disjoint parts of the traffic. Commutative; associative up to rounding. */
export function mergeAdjustedBetting(a: AdjustedBetting, b: AdjustedBetting): AdjustedBetting {
  return {
    betting: mergeBetting(a.betting, b.betting),
    predictor: mergeLinearPredictors(a.predictor, b.predictor),
  };
}
