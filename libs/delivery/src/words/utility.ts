import type { ObjectiveAnalysis } from '#libs/contracts';
import { percentOf } from './numbers.js';

/** "utility 6.2 % above control (2.1 % … 10.4 %) by quality 6.2 %; less than 1 % would not matter". */
export function utilityMessage({ utility, gains }: ObjectiveAnalysis, control: string, rope: number): string {
  if (utility.estimate === null) return `utility unknown (${utility.reason})`;
  const { estimate, interval } = utility;
  const range = interval === null ? '' : ` (${percentOf(interval.low)} … ${percentOf(interval.high)})`;
  const parts = gains.map((gain) => `${gain.metric} ${gain.estimate === null ? 'unknown' : percentOf(gain.estimate)}`);
  const side = estimate < 0 ? 'below' : 'above';
  return `utility ${percentOf(Math.abs(estimate))} ${side} ${control}${range} by ${parts.join(', ')}; less than ${percentOf(rope)} would not matter`;
}
