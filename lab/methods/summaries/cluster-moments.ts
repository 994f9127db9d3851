/**
 * Sums over units of which each contributes many values: users are randomised, generations are analysed. What varies
 * independently are the units, so the spread has to be taken over them; generations as if independent raise false alarms to a
 * third of all looks.
 *
 * Per unit S is the sum and N the number of its values. A unit's next value updates the sums without going over its past:
 * ΣS² += (S + x)² − S², ΣN² += 2N + 1, ΣSN += (S + x)(N + 1) − SN. The caller keeps S and N per unit ({@link UnitTotals}).
 *
 * Source: Deng, Knoblich, Lu, KDD 2018 (arXiv 1803.06336). A commutative monoid for summaries of disjoint units and one centre.
 */
export interface ClusterMoments {
  /**
   * A value near the mean, fixed beforehand, that is taken off every value: the squares stay small and keep their digits. 0
   * is right where the mean is of the size of the spread.
   */
  readonly centre: number;
  units: number;
  /** Number of values, ΣN. */
  values: number;
  /** Sum of the centred values, ΣS. */
  sum: number;
  sumOfSquaredSums: number;
  sumOfSquaredCounts: number;
  sumOfProducts: number;
}

/** What a unit has contributed so far: its centred sum and its number of values. */
export interface UnitTotals {
  readonly sum: number;
  readonly count: number;
}

export const NEW_UNIT: UnitTotals = { sum: 0, count: 0 };

export function initialClusterMoments(centre = 0): ClusterMoments {
  return { centre, units: 0, values: 0, sum: 0, sumOfSquaredSums: 0, sumOfSquaredCounts: 0, sumOfProducts: 0 };
}

/**
 * Folds one value of a unit in, in place. Values that are not finite are skipped: the unit's totals are then unchanged.
 * @returns the unit's new totals, to be handed in with its next value.
 */
export function observeInUnit(state: ClusterMoments, unit: UnitTotals, value: number): UnitTotals {
  if (!Number.isFinite(value)) return unit;
  const x = value - state.centre;
  const { sum, count } = unit;
  if (count === 0) state.units += 1;
  state.values += 1;
  state.sum += x;
  // (S + x)² − S² and (S + x)(N + 1) − SN, multiplied out so that large totals don't cancel.
  state.sumOfSquaredSums += x * (2 * sum + x);
  state.sumOfSquaredCounts += 2 * count + 1;
  state.sumOfProducts += sum + x * (count + 1);
  return { sum: sum + x, count: count + 1 };
}

export function mergeClusterMoments(a: ClusterMoments, b: ClusterMoments): ClusterMoments {
  if (a.centre !== b.centre) {
    throw new RangeError(`can't merge cluster moments centred at ${a.centre} and at ${b.centre}: expected one centre`);
  }
  return {
    centre: a.centre,
    units: a.units + b.units,
    values: a.values + b.values,
    sum: a.sum + b.sum,
    sumOfSquaredSums: a.sumOfSquaredSums + b.sumOfSquaredSums,
    sumOfSquaredCounts: a.sumOfSquaredCounts + b.sumOfSquaredCounts,
    sumOfProducts: a.sumOfProducts + b.sumOfProducts,
  };
}

/** Mean per value, with the variance that the units' independence gives it. */
export interface ClusterEstimate {
  readonly mean: number;
  /** Variance of the mean by the delta method; null below two units. */
  readonly variance: number | null;
  /** Unbiased variances over units of S and N, and their covariance; null below two units. */
  readonly spread: { readonly sum: number; readonly count: number; readonly covariance: number } | null;
}

/**
 * R = ΣS / ΣN and `Var(R) = (v_S − 2R c_SN + R² v_N) / (K N̄²)` over K units; null without values.
 * Assumption: units are independent. Asymptotic in the number of units, not of values.
 */
export function clusterMean(state: ClusterMoments): ClusterEstimate | null {
  const { centre, units, values, sum } = state;
  if (values === 0) return null;
  const ratio = sum / values;
  if (units < 2) return { mean: centre + ratio, variance: null, spread: null };
  const ofSums = (state.sumOfSquaredSums - (sum * sum) / units) / (units - 1);
  const ofCounts = (state.sumOfSquaredCounts - (values * values) / units) / (units - 1);
  const ofBoth = (state.sumOfProducts - (sum * values) / units) / (units - 1);
  const meanCount = values / units;
  // Shifting every value by a constant changes neither what follows nor the mean's variance: S − RN is free of the centre.
  const variance =
    Math.max(0, ofSums - 2 * ratio * ofBoth + ratio * ratio * ofCounts) / (units * meanCount * meanCount);
  return {
    mean: centre + ratio,
    variance,
    spread: {
      sum: Math.max(0, ofSums + 2 * centre * ofBoth + centre * centre * ofCounts),
      count: Math.max(0, ofCounts),
      covariance: ofBoth + centre * ofCounts,
    },
  };
}

/**
 * How many times larger the variance of the mean is than if all values were independent: var over units ÷ var over values.
 * @param valueVariance unbiased variance of the single values.
 * @returns null where either variance is unknown or the values don't vary.
 */
export function designEffect(state: ClusterMoments, valueVariance: number | null): number | null {
  const variance = clusterMean(state)?.variance ?? null;
  if (variance === null || valueVariance === null || valueVariance <= 0) return null;
  return variance / (valueVariance / state.values);
}
