/** What is known before the first value. */
export interface NormalMixtureDesign {
  /** Known standard deviation of the values, the same in both variants. */
  readonly sigma: number;
  /** Standard deviation of the effects that are looked for. */
  readonly tau: number;
}

/**
 * Mixture sequential probability ratio test (mSPRT) for the difference of two means, `perVariant` values in each:
 * `½ ln(V/(V + τ²)) + τ²d²/(2V(V + τ²))` with V = 2σ²/n. For comparison with peers; betting decides here, because it needs
 * neither a known σ nor equal sizes.
 *
 * Source: Johari, Koomen, Pekelis, Walsh, Operations Research 70(3), 2022 (arXiv 1512.04922). Assumptions: normal values of known variance, as
 * many in either variant.
 *
 * @param difference the candidate's mean minus control's.
 * @returns ln E against "no difference"; 0 without values.
 */
export function lnENormalMixture(perVariant: number, difference: number, { sigma, tau }: NormalMixtureDesign): number {
  if (!(sigma > 0 && sigma < Infinity) || !(tau > 0 && tau < Infinity)) {
    throw new RangeError(`sigma ${sigma}, tau ${tau}: expected two positive finite numbers`);
  }
  if (!(perVariant >= 0)) throw new RangeError(`${perVariant} values per variant: expected at least 0`);
  if (perVariant === 0) return 0;
  const variance = (2 * sigma * sigma) / perVariant;
  const total = variance + tau * tau;
  return (Math.log(variance / total) + (tau * tau * difference * difference) / (variance * total)) / 2;
}
