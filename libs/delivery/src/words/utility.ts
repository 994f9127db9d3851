import type { ObjectiveAnalysis } from '#libs/contracts';
import { percentOf } from './numbers.js';
import { reasonInWords } from './reason.js';

/** "utility +6.2 % against control (+2.1 % … +10.4 %), from quality +6.2 %; less than 1 % would not matter". */
export function utilityMessage({ utility, gains }: ObjectiveAnalysis, control: string, rope: number): string {
  if (utility.estimate === null) return `utility unknown (${reasonInWords(utility.reason)})`;
  const { estimate, interval } = utility;
  const range = interval === null ? '' : ` (${signed(interval.low)} … ${signed(interval.high)})`;
  const parts = gains.map((gain) => `${gain.metric} ${gain.estimate === null ? 'unknown' : signed(gain.estimate)}`);
  return `utility ${signed(estimate)} against ${control}${range}, from ${parts.join(', ')}; less than ${percentOf(rope)} would not matter`;
}

function signed(share: number): string {
  return share > 0 ? `+${percentOf(share)}` : percentOf(share);
}
