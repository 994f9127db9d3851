/** Bounds that follow the spread: right for values of standard deviation `spread`, at most `atMost` times as far apart. */
export interface Widening {
  readonly spread: number;
  readonly atMost: number;
}

/** How many times as wide as designed the bounds are for variants of these spreads. The same when the variants change places. */
export function widthFor({ spread, atMost }: Widening, ofControl: number, ofCandidate: number): number {
  return Math.min(atMost, Math.max(1, Math.max(ofControl, ofCandidate) / spread));
}

/** A bound `times` as far from the expected value. */
export function movedOut(bound: number, expected: number, times: number): number {
  return expected + times * (bound - expected);
}
