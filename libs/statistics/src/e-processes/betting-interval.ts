import { type Betting, type BettingDesign, lnEHarmful, lnENonInferior } from './betting.js';

/**
 * A betting design whose tests, read together, give an interval: both tests at every effect of the grid (candidate's mean minus
 * control's). The finer the grid, the finer the ends; each point costs two tests per value.
 */
export function bettingIntervalDesign(
  bounds: Pick<BettingDesign, 'lo' | 'hi' | 'expected'>,
  effects: readonly number[],
): BettingDesign {
  // An effect e is the boundary of the tests at the margin −e; 0 − e, so that 0 keeps its sign.
  const margins = effects.map((effect) => 0 - effect);
  return { ...bounds, harmfulAt: margins, nonInferiorAt: margins };
}

/**
 * Anytime-valid 1 − α interval of the effect (candidate's mean minus control's, of the clipped values) by inverting the tests of
 * the state's margins, α/2 on either side.
 *
 * From each end of the grid inwards, as long as the tests reject: the hypotheses "effect ≥ a" are nested, so walking from the
 * largest a down in a fixed order the first true one that is met decides alone whether anything true is rejected, and α needs no
 * splitting over the grid (fixed-sequence test: Maurer, Hothorn, Lehmacher 1995). Ends lie on the grid, or at ±(hi − lo), at the widest bounds,
 * where nothing is rejected yet. Source of the inversion: Waudby-Smith & Ramdas, JRSS-B 86 (2024), section 4. O(margins).
 *
 * The interval may be empty of effects (low ≥ high) with probability ≤ α; it is then given as it is.
 */
export function bettingInterval(
  state: Betting,
  design: BettingDesign,
  alpha: number,
): { readonly low: number; readonly high: number } {
  const threshold = -Math.log(alpha / 2);
  const furthest = (design.hi - design.lo) * (design.widening?.atMost ?? 1);
  return {
    low: lastRejected(design.nonInferiorAt, (index) => lnENonInferior(state, index) >= threshold, 1) ?? -furthest,
    high: lastRejected(design.harmfulAt, (index) => lnEHarmful(state, index) >= threshold, -1) ?? furthest,
  };
}

/** @param direction 1 walks through the effects upwards, −1 downwards. */
function lastRejected(
  margins: readonly number[],
  isRejected: (index: number) => boolean,
  direction: 1 | -1,
): number | null {
  const inOrder = margins
    .map((margin, index) => ({ effect: 0 - margin, index }))
    .sort((a, b) => direction * (a.effect - b.effect));
  let last: number | null = null;
  for (const { effect, index } of inOrder) {
    if (!isRejected(index)) break;
    last = effect;
  }
  return last;
}
