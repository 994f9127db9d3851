/** Units that are counted at a time; whoever has more than 1 in 65 of a partition's requests is among them. */
const COUNTERS = 64;

/**
 * The units with the most requests of a partition, by name, each with at most what it has and at least that less all ÷ (counters + 1).
 * Source: Misra & Gries, Science of Computer Programming 2(2), 1982. A request costs one step on average: taking one off every counter is
 * paid for by the requests that filled them.
 */
export interface HeavyUnits {
  readonly counts: Map<string, number>;
  /** All requests. */
  requests: number;
}

export function initialHeavyUnits(): HeavyUnits {
  return { counts: new Map(), requests: 0 };
}

/** Counts a request, in place. */
export function noteRequestOf(heavy: HeavyUnits, unit: string): void {
  const { counts } = heavy;
  heavy.requests += 1;
  const known = counts.get(unit);
  if (known !== undefined) {
    counts.set(unit, known + 1);
  } else if (counts.size < COUNTERS) {
    counts.set(unit, 1);
  } else {
    for (const [other, requests] of counts) {
      if (requests === 1) counts.delete(other);
      else counts.set(other, requests - 1);
    }
  }
}

/** A unit's requests are in one partition, so those of two are put side by side. */
export function mergeHeavyUnits(a: HeavyUnits, b: HeavyUnits): HeavyUnits {
  const counts = new Map(a.counts);
  for (const [unit, requests] of b.counts) counts.set(unit, (counts.get(unit) ?? 0) + requests);
  return { counts, requests: a.requests + b.requests };
}

/** The unit with the most requests, and at least how many it has; of several the first by name. Null without any. */
export function heaviestUnit({ counts }: HeavyUnits): { readonly unit: string; readonly requests: number } | null {
  let heaviest: { readonly unit: string; readonly requests: number } | null = null;
  for (const [unit, requests] of counts) {
    if (heaviest === null || requests > heaviest.requests || (requests === heaviest.requests && unit < heaviest.unit))
      heaviest = { unit, requests };
  }
  return heaviest;
}
