import { type Assignment, propensityAgainst, type WeightsPpm } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import { areSameShares } from './allocation.js';

/** Windows of one metric that may be open at once in a partition; units that come when they are all taken are left out, whatever their variant. */
const MOST_OPEN = 4_096;

/**
 * Totals of units that are still being added up. A unit's total is what its events add up to within a window that begins with its first event;
 * it is a value when the window has closed, by the carrier's clock, and of closed windows nothing is kept. So a total that is still small because its unit came
 * late is no small total.
 *
 * Only a unit that was never seen before opens a window: who comes back after a change is who liked it. A change of the shares cuts all open
 * windows, of both variants, since it moves units from one variant to the other in the middle of theirs.
 */
export interface OpenTotals {
  /** The allocation that the open windows are of; null: none was seen yet. */
  allocation: { readonly epoch: number; readonly weightsPpm: WeightsPpm } | null;
  /** By the metric's name, then by the unit's hash, in the order in which they began. */
  readonly open: Map<string, Map<number, OpenTotal>>;
}

export interface OpenTotal {
  readonly variant: string;
  /** When the carrier took the unit's first event, ms since 1970. */
  readonly beganAtMs: number;
  sum: number;
}

/** A window that has closed: of whom, and what it adds up to. */
export interface ClosedTotal {
  readonly variant: string;
  readonly sum: number;
}

export function initialTotals(): OpenTotals {
  return { allocation: null, open: new Map() };
}

/** Takes note of the shares. @returns whether the event was drawn under the present ones, and so belongs into the open windows. */
export function enterAllocation(
  totals: OpenTotals,
  { epoch, weightsPpm }: Pick<Assignment, 'epoch' | 'weightsPpm'>,
): boolean {
  const { allocation } = totals;
  if (allocation !== null && areSameShares(allocation.weightsPpm, weightsPpm)) {
    if (epoch > allocation.epoch) totals.allocation = { epoch, weightsPpm: allocation.weightsPpm };
    return true;
  }
  if (allocation !== null && epoch <= allocation.epoch) return false;
  totals.allocation = { epoch, weightsPpm: { ...weightsPpm } };
  totals.open.clear();
  return true;
}

/** Opens a window for a unit that was never seen before, unless too many are open. */
export function openTotal(
  { open }: OpenTotals,
  metric: MetricDesign,
  unit: number,
  { variant, atMs }: { readonly variant: string; readonly atMs: number },
): void {
  const { name } = metric.definition;
  let ofMetric = open.get(name);
  if (ofMetric === undefined) {
    ofMetric = new Map();
    open.set(name, ofMetric);
  }
  if (ofMetric.size < MOST_OPEN) ofMetric.set(unit, { variant, beganAtMs: atMs, sum: 0 });
}

/** Adds to the unit's total while its window is open. */
export function addToTotal({ open }: OpenTotals, metric: MetricDesign, unit: number, value: number): void {
  const of = open.get(metric.definition.name)?.get(unit);
  if (of !== undefined) of.sum += value;
}

/**
 * Takes out the windows that have closed by `atMs`, in the order in which they began. A window that began later than `atMs` by more than its length began by
 * a clock that was ahead, and is dropped.
 */
export function takeClosed(
  { open }: OpenTotals,
  { definition: { name, windowMs = 0 } }: MetricDesign,
  atMs: number,
): readonly ClosedTotal[] {
  const ofMetric = open.get(name);
  if (ofMetric === undefined) return [];
  const closed: ClosedTotal[] = [];
  for (const [unit, { variant, beganAtMs, sum }] of ofMetric) {
    const age = atMs - beganAtMs;
    if (age < windowMs && age >= -windowMs) break;
    ofMetric.delete(unit);
    if (age >= windowMs) closed.push({ variant, sum });
  }
  return closed;
}

/** On which side of a pair a unit's total is; null: on none. */
export function sideOfTotal(
  { allocation }: OpenTotals,
  variant: string,
  { candidate, control }: { readonly candidate: string; readonly control: string },
): { readonly arm: Arm; readonly propensity: number } | null {
  if (allocation === null || (variant !== control && variant !== candidate)) return null;
  return {
    arm: variant === control ? 'control' : 'candidate',
    propensity: propensityAgainst(allocation, candidate, control),
  };
}

export interface EncodedTotals {
  readonly allocation: OpenTotals['allocation'];
  readonly open: readonly (readonly [
    metric: string,
    units: readonly (readonly [unit: number, variant: string, beganAtMs: number, sum: number])[],
  ])[];
}

export function encodeTotals({ allocation, open }: OpenTotals): EncodedTotals {
  return {
    allocation: allocation && { epoch: allocation.epoch, weightsPpm: { ...allocation.weightsPpm } },
    open: [...open].map(([metric, units]) => [
      metric,
      [...units].map(([unit, { variant, beganAtMs, sum }]) => [unit, variant, beganAtMs, sum] as const),
    ]),
  };
}

export function decodeTotals({ allocation, open }: EncodedTotals): OpenTotals {
  return {
    allocation: allocation && { epoch: allocation.epoch, weightsPpm: { ...allocation.weightsPpm } },
    open: new Map(
      open.map(([metric, units]) => [
        metric,
        new Map(units.map(([unit, variant, beganAtMs, sum]) => [unit, { variant, beganAtMs, sum }])),
      ]),
    ),
  };
}
