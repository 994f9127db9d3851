import { type Cell, type ShareName, shareNames } from './cells.js';
import { methods } from './methods.js';
import { type ErrorRate, type KnownCell } from './rates.js';
import type { CellResult } from './run-cell.js';
import { type ShapeName, shapeNames } from './shapes.js';

/** The one peer whose promise is ours: looked at whenever one likes, with a margin. */
export const NEAREST_PEER = 'GrowthBook sequential';

/** Harm of one shape at one share, found by betting and by the nearest peer. */
export interface CellBesideGrowthBook {
  readonly shape: ShapeName;
  readonly share: ShareName;
  /** Median events until harm is found; null where fewer than half of the runs found it. */
  readonly ours: number | null;
  readonly peers: number | null;
  /** The peer's largest error rate at this shape and share, in stationary traffic of one generation per unit, as harm was simulated. */
  readonly largestRate: ErrorRate;
  readonly keepsAlpha: boolean;
}

/** All shapes and shares that were simulated, with the peer's error rates. */
export function comparisons(cells: readonly KnownCell[], rates: readonly ErrorRate[]): readonly CellBesideGrowthBook[] {
  return shapeNames.flatMap((shape) =>
    shareNames.flatMap((share) => {
      const harm = cells.find(({ cell }) => isPlain(cell, shape, share) && cell.truth === 'harm');
      const peers = rates.filter(({ cell, method }) => method === NEAREST_PEER && isPlain(cell, shape, share));
      if (!harm || peers.length === 0) return [];
      const largestRate = peers.reduce((a, b) => (b.rate > a.rate ? b : a));
      return [
        {
          shape,
          share,
          ours: medianOf(harm.result, methods.betting),
          peers: medianOf(harm.result, NEAREST_PEER),
          largestRate,
          keepsAlpha: peers.every(({ isTooHigh }) => !isTooHigh),
        },
      ];
    }),
  );
}

/** Median events until harm was found in pairs, and in single units at an even split; null where they weren't simulated. */
export function pairsBesideUnits(
  cells: readonly KnownCell[],
): { readonly pairs: number; readonly units: number } | null {
  const paired = cells.find(({ cell }) => cell.kind === 'design' && cell.design === 'paired' && cell.truth === 'harm');
  const single = cells.find(({ cell }) => isPlain(cell, 'bounded', '50 %') && cell.truth === 'harm');
  const pairs = paired && medianOf(paired.result, methods.paired);
  const units = single && medianOf(single.result, methods.betting);
  return pairs && units ? { pairs, units } : null;
}

function isPlain(cell: Cell, shape: ShapeName, share: ShareName): boolean {
  return (
    cell.kind === 'metric' && cell.shape === shape && cell.share === share && !cell.isDrifting && !cell.isClustered
  );
}

function medianOf({ methods: results }: CellResult, name: string): number | null {
  return results.find(({ method }) => method === name)?.harmful?.medianEvents ?? null;
}
