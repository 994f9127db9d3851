import type { MetricAnalysis } from '#libs/contracts';
import { amountInUnit } from './comparison.js';
import { number, percentOf } from './numbers.js';

/** A tail that carries less of the sum than this goes without saying. */
const WORTH_SAYING = 0.01;

/**
 * What lies beyond the narrowest bounds of a mean, where it matters: " Beyond 0.5 to 1.5 lie 0.5 % (13 % of their sum) of candidate’s values,
 * and 0 % (0 % of their sum) of control’s."; else nothing.
 */
export function longTailWords({ clipped, candidate, unit }: MetricAnalysis, controlName: string): string {
  const narrowest = clipped?.[0];
  if (!narrowest) return '';
  const { low, high, control, candidate: ofCandidate } = narrowest;
  if (Math.max(control?.sum ?? 0, ofCandidate?.sum ?? 0) < WORTH_SAYING || !ofCandidate || !control) return '';
  const from = unit.startsWith('share') ? percentOf(low) : number(low);
  const share = ({ values, sum }: typeof control): string => `${percentOf(values)} (${percentOf(sum)} of their sum)`;
  return ` Beyond ${from} to ${amountInUnit(high, unit)} lie ${share(ofCandidate)} of ${candidate}’s values, and ${share(control)} of ${controlName}’s.`;
}
