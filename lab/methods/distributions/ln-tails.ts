import { logOneMinusExp } from '#libs/statistics';

/** Both tails of a distribution at a point, as logarithms. The smaller one was computed directly, never as 1 − the other. */
export interface LnTails {
  readonly lnLower: number;
  readonly lnUpper: number;
}

export function lnTailsFromLower(lnLower: number): LnTails {
  const ln = Math.min(lnLower, 0);
  return { lnLower: ln, lnUpper: logOneMinusExp(ln) };
}

export function lnTailsFromUpper(lnUpper: number): LnTails {
  return mirrored(lnTailsFromLower(lnUpper));
}

/** The tails of −X where these are those of X. */
export function mirrored({ lnLower, lnUpper }: LnTails): LnTails {
  return { lnLower: lnUpper, lnUpper: lnLower };
}
