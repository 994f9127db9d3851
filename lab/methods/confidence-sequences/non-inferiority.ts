import { approximateRhoSquared, asymptoticOneSidedHalfWidth, asymptoticOneSidedP } from '#libs/statistics';

/**
 * What the one-sided asymptotic sequences say about a margin. `lower` and `upper` each hold at all times with probability
 * 1 − α, not both together.
 */
export type AsymptoticNonInferiority =
  | {
      readonly lower: number;
      readonly upper: number;
      /** Anytime p-value of "worse by the margin or more". */
      readonly pNonInferior: number;
      /** Anytime p-value of "worse by at most the margin". */
      readonly pInferior: number;
      readonly nonInferior: boolean;
      readonly inferior: boolean;
      readonly missing: null;
    }
  | { readonly missing: 'not-enough-data' | 'no-variance' };

/**
 * Non-inferiority by two one-sided asymptotic confidence sequences at the boundary −margin, looked at as often as one likes.
 *
 * For comparison with other systems, which decide this way; here betting decides, since this one is only valid asymptotically:
 * with unequal spread at a small share it errs several times as often as α says.
 *
 * Source: Waudby-Smith et al., arXiv 2103.06476, eq. 134, with the null moved to −margin. The margin is a fixed number: one that is a
 * share of control's observed mean carries that mean's error, which is left out.
 *
 * The difference is candidate − control, oriented so that more is better; its standard error is from `n` units of both variants together.
 */
export function asymptoticNonInferiority(
  { difference, standardError, n }: { readonly difference: number; readonly standardError: number; readonly n: number },
  margin: number,
  alpha: number,
  tightestAt?: number,
): AsymptoticNonInferiority {
  if (!(margin >= 0)) throw new RangeError(`margin ${margin}: expected a number of at least 0`);
  if (n < 2 || !Number.isFinite(standardError)) return { missing: 'not-enough-data' };
  if (standardError <= 0) return { missing: 'no-variance' };
  const rhoSquared = approximateRhoSquared(2 * alpha, tightestAt);
  const halfWidth = asymptoticOneSidedHalfWidth(standardError, n, alpha, rhoSquared);
  const lower = difference - halfWidth;
  const upper = difference + halfWidth;
  return {
    lower,
    upper,
    pNonInferior: asymptoticOneSidedP(difference + margin, standardError, n, rhoSquared),
    pInferior: asymptoticOneSidedP(-margin - difference, standardError, n, rhoSquared),
    nonInferior: lower > -margin,
    inferior: upper < -margin,
    missing: null,
  };
}
