import {
  betsIn,
  initialWealth,
  LARGEST_MANTISSA,
  lnMeanWealth,
  lnWeightedWealth,
  rescaleWealth,
  SMALLEST_MANTISSA,
  type Wealth,
} from './wealth.js';

/** The bets that are mixed, as fractions of the largest bet that can't go broke. */
export const BET_FRACTIONS: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95];

/**
 * Weights of the bets where harm matters more the larger it is. Most lies on the bets that are right for differences from a quarter of
 * a standard deviation on, over all shares (found by search over the calibration's harms); equal weights cost every test ln 7, mostly
 * for bets that take hundreds of thousands of events to win. Any weights that add up to 1 and were chosen beforehand make an e-process.
 */
export const BOLD_WEIGHTS: readonly number[] = [0.01, 0.015, 0.025, 0.06, 0.25, 0.42, 0.22];

const BETS = BET_FRACTIONS.length;
const [F0, F1, F2, F3, F4, F5, F6] = BET_FRACTIONS as [number, number, number, number, number, number, number];

/** Of the module's own, because a loader may turn every use of an imported name into a call. */
const SMALLEST = SMALLEST_MANTISSA;
const LARGEST = LARGEST_MANTISSA;

/** Larger wins are cut to this. Cutting a win keeps an e-process one; it takes a propensity below 1e-100 to need it. */
const LARGEST_WIN = 1e100;

/** One wealth per test and fraction, test by test. */
export function initialBets(tests: number): Wealth {
  return initialWealth(tests * BETS);
}

/** How many tests there are. */
export function testsOf(bets: Wealth): number {
  return betsIn(bets) / BETS;
}

/** A win that is to be placed alone. */
const ALONE = new Float64Array(1);

/**
 * Multiplies the wealth of every fraction F of one test by 1 + F · win, in place.
 * @param win what the largest bet wins, at least −1: it can't lose more than everything.
 */
export function placeBets(bets: Wealth, test: number, win: number): void {
  ALONE[0] = win;
  placeEveryBet(ALONE, bets, test, 1, bets, 0);
}

/**
 * The same for `tests` tests of one wealth, the first of which is `first`, and for the first `others` of another one.
 * Written out, because it runs for every value and margin: this way no product leaves a register before its time, and both wealths of a value
 * take one call. Indices are told to be whole 32-bit numbers, which spares a check each. Many parameters because it is called per event, and a number
 * that is handed over in an object costs more.
 * @param wins one per test.
 */
export function placeEveryBet(
  wins: Float64Array,
  wealth: Wealth,
  first: number,
  tests: number,
  other: Wealth,
  others: number,
): void {
  for (let k = 0; k < tests + others; k++) {
    const bets = k < tests ? wealth : other;
    const at = Math.imul(k < tests ? first + k : k - tests, BETS);
    const won = Math.min(wins[k] as number, LARGEST_WIN);
    const a = (bets[at] as number) * (1 + F0 * won);
    const b = (bets[(at + 1) | 0] as number) * (1 + F1 * won);
    const c = (bets[(at + 2) | 0] as number) * (1 + F2 * won);
    const d = (bets[(at + 3) | 0] as number) * (1 + F3 * won);
    const e = (bets[(at + 4) | 0] as number) * (1 + F4 * won);
    const f = (bets[(at + 5) | 0] as number) * (1 + F5 * won);
    const g = (bets[(at + 6) | 0] as number) * (1 + F6 * won);
    bets[at] = a;
    bets[(at + 1) | 0] = b;
    bets[(at + 2) | 0] = c;
    bets[(at + 3) | 0] = d;
    bets[(at + 4) | 0] = e;
    bets[(at + 5) | 0] = f;
    bets[(at + 6) | 0] = g;
    // None of positive numbers is larger than their sum.
    if (
      !(
        a > SMALLEST &&
        b > SMALLEST &&
        c > SMALLEST &&
        d > SMALLEST &&
        e > SMALLEST &&
        f > SMALLEST &&
        g > SMALLEST &&
        a + b + c + d + e + f + g < LARGEST
      )
    )
      rescaleWealth(bets, at, BETS);
  }
}

/** Of two rounds at once: a first win that is no larger, and wealth within these after both, can't have left a mantissa's range in between. */
const USUAL_WIN = 128;
const USUAL_SMALLEST = SMALLEST * 2 ** 8;
const USUAL_LARGEST = LARGEST / 2 ** 8;

/**
 * Two rounds of {@link placeEveryBet}, one after the other, to the bit: every wealth is read, looked at and written once for both, which is most
 * of what a round costs. Many parameters because that has them.
 * @param wins of the first round, one per test, which are 0 afterwards; `later` those of the second.
 */
export function placeTwoRounds(
  wins: Float64Array,
  later: Float64Array,
  wealth: Wealth,
  tests: number,
  other: Wealth,
  others: number,
): void {
  for (let k = 0; k < tests + others; k++) {
    const bets = k < tests ? wealth : other;
    const at = Math.imul(k < tests ? k : k - tests, BETS);
    const won = Math.min(wins[k] as number, LARGEST_WIN);
    const then = Math.min(later[k] as number, LARGEST_WIN);
    wins[k] = 0;
    const a = (bets[at] as number) * (1 + F0 * won) * (1 + F0 * then);
    const b = (bets[(at + 1) | 0] as number) * (1 + F1 * won) * (1 + F1 * then);
    const c = (bets[(at + 2) | 0] as number) * (1 + F2 * won) * (1 + F2 * then);
    const d = (bets[(at + 3) | 0] as number) * (1 + F3 * won) * (1 + F3 * then);
    const e = (bets[(at + 4) | 0] as number) * (1 + F4 * won) * (1 + F4 * then);
    const f = (bets[(at + 5) | 0] as number) * (1 + F5 * won) * (1 + F5 * then);
    const g = (bets[(at + 6) | 0] as number) * (1 + F6 * won) * (1 + F6 * then);
    if (
      then < USUAL_WIN &&
      a > USUAL_SMALLEST &&
      b > USUAL_SMALLEST &&
      c > USUAL_SMALLEST &&
      d > USUAL_SMALLEST &&
      e > USUAL_SMALLEST &&
      f > USUAL_SMALLEST &&
      g > USUAL_SMALLEST &&
      a + b + c + d + e + f + g < USUAL_LARGEST
    ) {
      bets[at] = a;
      bets[(at + 1) | 0] = b;
      bets[(at + 2) | 0] = c;
      bets[(at + 3) | 0] = d;
      bets[(at + 4) | 0] = e;
      bets[(at + 5) | 0] = f;
      bets[(at + 6) | 0] = g;
    } else {
      const test = k < tests ? k : k - tests;
      placeBets(bets, test, won);
      placeBets(bets, test, then);
    }
  }
}

/** ln E of one test: its fractions mixed, with equal weights where none are given. */
export function lnEOfBets(bets: Wealth, test: number, weights?: readonly number[]): number {
  return weights ? lnWeightedWealth(bets, test * BETS, weights) : lnMeanWealth(bets, test * BETS, BETS);
}
