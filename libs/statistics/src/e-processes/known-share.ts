import { type Arm, isRandomised } from '../arm.js';
import { ByPropensity } from '../by-propensity.js';

/**
 * Of how many units of each variant a value is known, and of how many it is not: their clients left, or they got no answer that has one. A tilt
 * counts events per assigned unit, so a variant with fewer values has fewer events, however alike the values are.
 *
 * Kept per propensity, under which both variants meet the same traffic, and of the recent past: the counts of both are halved whenever
 * the smaller variant has {@link GENERATION} more, so that a share which changes is followed and both are of the same time.
 */
export interface KnownShares {
  /** Keyed by propensity. */
  readonly cells: ByPropensity<Record<Arm, KnownCount>>;
}

interface KnownCount {
  known: number;
  unknown: number;
}

/** Units of the smaller variant in the recent past, at least. */
const GENERATION = 1_000;
/** Standard errors that are given away on either side of the ratio of two estimated shares. */
const ALLOWANCE = 2;
/** ln ratios are rounded outwards to multiples of it, so that few propensities come of one. */
const STEP = 0.02;

export function initialKnownShares(): KnownShares {
  return { cells: new ByPropensity() };
}

/** Folds one unit in, in place. Units that were not drawn at random are skipped. */
export function observeKnown({ cells }: KnownShares, arm: Arm, propensity: number, isKnown: boolean): void {
  if (!isRandomised(propensity)) return;
  const cell = cells.at(propensity, nobody);
  const ofArm = arm === 'candidate' ? cell.candidate : cell.control;
  if (isKnown) ofArm.known += 1;
  else ofArm.unknown += 1;
  if (Math.min(unitsOf(cell.control), unitsOf(cell.candidate)) < 2 * GENERATION) return;
  for (const count of [cell.control, cell.candidate]) {
    count.known /= 2;
    count.unknown /= 2;
  }
}

function nobody(): Record<Arm, KnownCount> {
  return { control: { known: 0, unknown: 0 }, candidate: { known: 0, unknown: 0 } };
}

/**
 * Bounds of ln(d₁/d₀), d₁ and d₀ the shares of the candidate's and of control's units whose value is known: the estimate with ½ added to
 * counts, and two of its standard errors either way. Both are 0 while all are known.
 *
 * Source: Katz, Baptista, Azen & Pike, Biometrics 34, 1978 (standard error); Walter, Biometrika 62, 1975 (½).
 */
export function lnKnownRatio(
  { cells }: KnownShares,
  propensity: number,
): { readonly low: number; readonly high: number } {
  const cell = cells.get(propensity);
  if (cell === undefined || cell.control.unknown + cell.candidate.unknown === 0) return ALL_KNOWN;
  const estimate = lnShare(cell.candidate) - lnShare(cell.control);
  const reach = ALLOWANCE * Math.sqrt(varianceOf(cell.candidate, 0) + varianceOf(cell.control, 0));
  return { low: STEP * Math.floor((estimate - reach) / STEP), high: STEP * Math.ceil((estimate + reach) / STEP) };
}

/**
 * Whether values of the arm are known of a smaller share of its units, by more than two standard errors. One unit more that is half unknown is
 * counted for the other arm: of a few units, all of them known, nothing follows.
 */
export function isKnownLess({ cells }: KnownShares, propensity: number, arm: Arm): boolean {
  const cell = cells.get(propensity);
  if (cell === undefined || cell[arm].unknown === 0) return false;
  const other = cell[arm === 'control' ? 'candidate' : 'control'];
  const reach = ALLOWANCE * Math.sqrt(varianceOf(cell[arm], 0) + varianceOf(other, 0.5));
  return lnShare(other) - lnShare(cell[arm]) > reach;
}

/** The propensity of a unit with an event, where the candidate's rate is e^lnRatio times control's: ρe^b / (1 − ρ + ρe^b). */
export function propensityAt(propensity: number, lnRatio: number): number {
  if (lnRatio === 0) return propensity;
  const odds = propensity * Math.exp(lnRatio);
  return odds / (1 - propensity + odds);
}

const ALL_KNOWN = { low: 0, high: 0 } as const;

function unitsOf({ known, unknown }: KnownCount): number {
  return known + unknown;
}

function lnShare(count: KnownCount): number {
  return Math.log((count.known + 0.5) / (unitsOf(count) + 0.5));
}

/** Of {@link lnShare}. @param more unknown units that are added. */
function varianceOf({ known, unknown }: KnownCount, more: number): number {
  return (unknown + more) / ((known + 0.5) * (known + unknown + more + 0.5));
}
