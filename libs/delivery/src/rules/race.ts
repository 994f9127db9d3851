import type { ObjectiveAnalysis } from '#libs/contracts';

type Utility = ObjectiveAnalysis['utility'];

/** A candidate in the race: its utility over control, and whether all its guardrails hold at their margins. */
export interface Contender {
  readonly candidate: string;
  readonly utility: Utility;
  readonly isSafe: boolean;
}

export type RaceResult =
  | { readonly result: 'winner'; readonly winner: string }
  | { readonly result: 'futile' }
  | { readonly result: 'open' };

/**
 * Who wins an A/B/n test.
 *
 * The winner is better than control, safe, and no other candidate still in the race can be better than it by what matters: the
 * other's utility has an upper end below the winner's lower end + `rope`. Of several that qualify (they are practically equal)
 * the one with the best estimate. The race is futile when no candidate can beat control by enough to matter.
 */
export function raceResult(contenders: readonly Contender[], rope: number): RaceResult {
  const open = contenders.filter(({ utility }) => canGain(utility));
  if (contenders.length > 0 && open.length === 0) return { result: 'futile' };
  const winners = contenders.filter((contender) => {
    const { utility, isSafe } = contender;
    if (utility.verdict !== 'better' || !isSafe || utility.interval === null) return false;
    const reach = utility.interval.low + rope;
    return open.every((other) => other === contender || (other.utility.interval?.high ?? Infinity) < reach);
  });
  const [best] = winners.sort((a, b) => (b.utility.estimate ?? 0) - (a.utility.estimate ?? 0));
  return best ? { result: 'winner', winner: best.candidate } : { result: 'open' };
}

/** An unmeasurable candidate may still be better: it keeps the race open. */
function canGain({ verdict }: Utility): boolean {
  switch (verdict) {
    case 'better':
    case 'undecided':
    case 'unmeasurable':
      return true;
    case 'practically-equal':
    case 'futile':
    case 'worse':
      return false;
    default:
      return verdict satisfies never;
  }
}
