/** So many of so many independent trials, one per unit. */
export interface Proportion {
  readonly successes: number;
  readonly trials: number;
}

/** The share of successes; null without trials. Throws for counts that can't be. */
export function shareOf(proportion: Proportion): number | null {
  const { successes, trials } = proportion;
  assertCount('successes', successes);
  assertCount('trials', trials);
  if (successes > trials) throw new RangeError(`${successes} successes in ${trials} trials, expected at most as many`);
  return trials === 0 ? null : successes / trials;
}

export function assertCount(name: string, count: number): void {
  if (!(Number.isInteger(count) && count >= 0)) {
    throw new RangeError(`${name} is ${count}, expected a whole number, 0 or more`);
  }
}
