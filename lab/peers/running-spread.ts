/** Mean and variance of values that arrive one by one (Welford, Technometrics 4(3), 1962). */
export interface RunningSpread {
  n: number;
  mean: number;
  /** Σ (x − mean)². */
  squares: number;
}

export function emptySpread(): RunningSpread {
  return { n: 0, mean: 0, squares: 0 };
}

/** Takes one finite value in, in place. O(1). */
export function addValue(spread: RunningSpread, value: number): void {
  spread.n += 1;
  const before = value - spread.mean;
  spread.mean += before / spread.n;
  spread.squares += before * (value - spread.mean);
}

/** Sample variance; NaN-free: 0 for fewer than two values. */
export function variance({ n, squares }: RunningSpread): number {
  return n < 2 ? 0 : squares / (n - 1);
}
