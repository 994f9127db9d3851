import { comparedWith, type ExperimentAnalysed, type ExperimentSpec, type MetricAnalysis } from '#libs/contracts';
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

/** A single value that makes up so much of a variant's sum is more likely a fault of the measurement than a picture. */
const MOST_OF_THE_SUM = 0.5;
/** Of fewer units a single one makes up much by itself. */
const FEWEST_UNITS = 30;

/** Of guardrails and objectives the variants of which a single value makes up most of the sum, a sentence each. */
export function outlyingValues(
  spec: ExperimentSpec,
  { metrics }: Pick<ExperimentAnalysed, 'metrics'>,
): readonly string[] {
  return metrics.flatMap(({ metric, role, clipped, n, candidate }) => {
    if (role !== 'guardrail' && role !== 'objective') return [];
    return (['control', 'candidate'] as const).flatMap((arm) => {
      const share = clipped?.[0]?.[arm]?.furthest ?? 0;
      if (share < MOST_OF_THE_SUM || n[arm].units < FEWEST_UNITS) return [];
      const name = arm === 'candidate' ? candidate : comparedWith(spec);
      return [
        `A single value of ${name} makes up ${percentOf(share)} of the sum of its ${metric}: look whether it was measured rightly. By itself it neither proves nor holds anything, a second one like it holds the ramp.`,
      ];
    });
  });
}
