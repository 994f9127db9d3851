import { lnBetaTails, pointFromOdds } from './beta.js';

/** P(F ≤ f) of Fisher's F with df1 and df2 degrees of freedom, positive and not necessarily integers. */
export function fLowerTail(f: number, df1: number, df2: number): number {
  return f <= 0 ? 0 : Math.exp(tails(f, df1, df2).lnLower);
}

/** P(F ≥ f) of Fisher's F, computed directly where it is small. */
export function fUpperTail(f: number, df1: number, df2: number): number {
  return f <= 0 ? 1 : Math.exp(tails(f, df1, df2).lnUpper);
}

/** df1 f / df2 are the odds of a beta variable with parameters df1/2 and df2/2 (Abramowitz & Stegun 26.6.2). */
function tails(f: number, df1: number, df2: number): ReturnType<typeof lnBetaTails> {
  if (Number.isNaN(f)) throw new RangeError(`F tail at ${f}: expected a number`);
  return lnBetaTails(pointFromOdds((df1 / df2) * f, Math.log(df1) - Math.log(df2) + Math.log(f)), df1 / 2, df2 / 2);
}
