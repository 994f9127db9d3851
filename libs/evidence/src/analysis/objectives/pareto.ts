import type { ParetoPlace } from '#libs/contracts';
import type { Gain, Interval } from './gain.js';

/**
 * Pareto view of all variants over the same objectives, control included (gain 0, known exactly).
 * Unknown estimates neither dominate nor are dominated. O(variants² · objectives).
 */
export function paretoPlaces(
  control: string,
  gainsByCandidate: ReadonlyMap<string, readonly Gain[]>,
): readonly ParetoPlace[] {
  const objectives = [...gainsByCandidate.values()][0]?.length ?? 0;
  const ofControl: readonly Point[] = Array.from({ length: objectives }, () => ({
    estimate: 0,
    interval: { low: 0, high: 0 },
  }));
  const points = new Map<string, readonly Point[]>([[control, ofControl], ...gainsByCandidate]);
  const others = (variant: string): [string, readonly Point[]][] => [...points].filter(([name]) => name !== variant);
  return [...points].map(([variant, own]) => ({
    variant,
    onFront: !others(variant).some(([, theirs]) => dominates(theirs, own)),
    surelyDominatedBy: others(variant)
      .filter(([, theirs]) => surelyDominates(theirs, own))
      .map(([name]) => name)
      .sort(),
  }));
}

interface Point {
  readonly estimate: number | null;
  readonly interval: Interval | null;
}

function dominates(theirs: readonly Point[], own: readonly Point[]): boolean {
  let isBetterSomewhere = false;
  for (const [index, { estimate: mine }] of own.entries()) {
    const their = theirs[index]?.estimate ?? null;
    if (mine === null || their === null || their < mine) return false;
    if (their > mine) isBetterSomewhere = true;
  }
  return isBetterSomewhere;
}

function surelyDominates(theirs: readonly Point[], own: readonly Point[]): boolean {
  if (own.length === 0) return false;
  return own.every(({ interval: mine }, index) => {
    const their = theirs[index]?.interval ?? null;
    return mine !== null && their !== null && their.low > mine.high;
  });
}
