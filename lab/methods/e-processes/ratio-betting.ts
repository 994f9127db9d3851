import { type Arm, bet, type Betting, type BettingDesign, linearisedRatio, type RatioBaseline } from '#libs/statistics';

/**
 * Betting on a ratio of two sums over units (cost per image, generations per unit): one value per unit, linearised at a baseline that
 * was fixed before, `R₀ + (x − R₀y)/ȳ₀`. State, margins and evidence are betting's.
 *
 * What is tested: the difference of the linearised values' means, `(R_T − R₀)ȳ_T/ȳ₀ − (R_C − R₀)ȳ_C/ȳ₀`. With control at the baseline it
 * has the sign of R_T − R₀ exactly, and is in the unit of the ratio as long as the candidate's units are about as large as the
 * baseline's. Assumptions: betting's; a unit is folded in once, when it is complete (a day, a session), and randomised as a whole.
 *
 * Many parameters because it is called per event, as `bet` is.
 *
 * @param design bounds around R₀, wide enough for nearly all linearised values.
 * @returns whether the unit was used; one without numbers is not.
 */
export function betOnRatio(
  state: Betting,
  design: BettingDesign,
  baseline: RatioBaseline,
  arm: Arm,
  propensity: number,
  unit: { readonly numerator: number; readonly denominator: number },
): boolean {
  return bet(state, design, arm, propensity, linearisedRatio(unit.numerator, unit.denominator, baseline));
}
