import type { ObjectiveAnalysis } from '#libs/contracts';
import { points } from './comparison.js';
import { percentOf } from './numbers.js';
import { reasonInWords } from './reason.js';

/** "utility +6.2 % against control (+2.1 % … +10.4 %), from quality +6.2 %; less than 1 % would not matter". */
export function utilityMessage({ utility, gains }: ObjectiveAnalysis, control: string, rope: number): string {
  if (utility.estimate === null) return `utility unknown (${reasonInWords(utility.reason)})`;
  const { estimate, interval } = utility;
  const isPoints = gains.every((gain) => gain.isPoints);
  const said = (value: number): string => signed(value, isPoints);
  const range = interval === null ? '' : ` (${said(interval.low)} … ${said(interval.high)})`;
  const parts = gains.map(
    (gain) => `${gain.metric} ${gain.estimate === null ? 'unknown' : signed(gain.estimate, gain.isPoints === true)}`,
  );
  return `utility ${said(estimate)} against ${control}${range}, from ${parts.join(', ')}; less than ${isPoints ? points(rope) : percentOf(rope)} would not matter`;
}

/** A gain where control's share is 0 is no percentage of it, but points. */
function signed(share: number, isPoints: boolean): string {
  const size = isPoints ? points(share) : percentOf(share);
  return share > 0 ? `+${size}` : size;
}
