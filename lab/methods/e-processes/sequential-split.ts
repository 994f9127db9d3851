import { lnBeta, lnGamma } from '#libs/statistics';

/**
 * How well two models of the split explain the units that came, batch after batch: `mixture` with a Dirichlet prior over the
 * probabilities, `fixed` with the planned ones. Both are ln marginal likelihoods; ln E of a sample-ratio mismatch is
 * `mixture − fixed`, in which the multinomial coefficients cancel.
 *
 * Source: Lindon & Malek, NeurIPS 2022 (arXiv 2011.03567), section 3.
 */
export interface SplitLikelihood {
  readonly mixture: number;
  readonly fixed: number;
  /** Parameters of the posterior Dirichlet law: the prior's plus the units per variant. */
  readonly posterior: readonly number[];
}

/** Before any unit. @param prior positive weights, one per variant. */
export function initialSplit(prior: readonly number[]): SplitLikelihood {
  if (!prior.every((weight) => weight > 0 && weight < Infinity)) {
    throw new RangeError(`prior [${prior.join(', ')}]: expected positive finite weights`);
  }
  return { mixture: 0, fixed: 0, posterior: prior };
}

/**
 * After one more batch of units (1 and zeros for a single one).
 * @param counts units per variant. @param shares planned probabilities > 0 in the same order, adding up to 1.
 */
export function observeSplit(
  { mixture, fixed, posterior }: SplitLikelihood,
  counts: readonly number[],
  shares: readonly number[],
): SplitLikelihood {
  if (counts.length !== posterior.length || shares.length !== posterior.length) {
    throw new RangeError(
      `${counts.length} counts and ${shares.length} shares: expected one each of ${posterior.length} variants`,
    );
  }
  if (!counts.every((count) => count >= 0) || !shares.every((share) => share > 0)) {
    throw new RangeError(`counts [${counts.join(', ')}], shares [${shares.join(', ')}]: expected ≥ 0 and > 0`);
  }
  const arrangements = lnArrangements(counts);
  const next = posterior.map((weight, index) => weight + (counts[index] as number));
  return {
    mixture: mixture + arrangements + lnDirichletNorm(next) - lnDirichletNorm(posterior),
    fixed: fixed + arrangements + counts.reduce((sum, count, i) => sum + count * Math.log(shares[i] as number), 0),
    posterior: next,
  };
}

/** ln of the number of orders in which the units of a batch can have come. */
function lnArrangements(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => sum - lnGamma(count + 1), lnGamma(total + 1));
}

/** ln of the multivariate beta function, as a chain of two-variable ones: each splits one variant off the rest. */
function lnDirichletNorm(weights: readonly number[]): number {
  let rest = weights.reduce((sum, weight) => sum + weight, 0);
  let ln = 0;
  for (const weight of weights.slice(0, -1)) {
    rest -= weight;
    ln += lnBeta(weight, rest);
  }
  return ln;
}
