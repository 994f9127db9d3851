import type { Cell } from './cells.js';

/** Our methods as tables name them; 0 is the boundary of `any-harm` and of superiority. */
export const methods = {
  betting: 'betting, at the margin',
  bettingAtZero: 'betting, at 0',
  badEvents: 'tilt on first bad events, at the margin',
  badEventsAtZero: 'tilt on first bad events, at 0',
  upperTail: 'tilt on the upper tail, at the margin',
  upperTailAtZero: 'tilt on the upper tail, at 0',
  lowerTail: 'tilt on the lower tail, at the margin',
  lowerTailAtZero: 'tilt on the lower tail, at 0',
  paired: 'paired betting, at the margin',
  pairedAtZero: 'paired betting, at 0',
  adjusted: 'regression-adjusted betting, at the margin',
  adjustedAtZero: 'regression-adjusted betting, at 0',
  ratio: 'betting on a ratio, at the margin',
  ratioAtZero: 'betting on a ratio, at 0',
  preference: 'preference votes, at the margin',
  preferenceAtZero: 'preference votes, at 0',
  shift: 'scored tilt on ranks (warns)',
  shownInterval: 'asymptotic interval (is shown)',
  split: 'sample ratio',
} as const;

const OURS: ReadonlySet<string> = new Set(Object.values(methods));
const AT_ZERO: ReadonlySet<string> = new Set([
  methods.bettingAtZero,
  methods.badEventsAtZero,
  methods.upperTailAtZero,
  methods.lowerTailAtZero,
  methods.pairedAtZero,
  methods.adjustedAtZero,
  methods.ratioAtZero,
  methods.preferenceAtZero,
  methods.shownInterval,
]);

export type Standing = 'decides' | 'does not decide' | 'peer';

/** What a method is to us. Only those that decide have to keep α. */
export function standingOf(method: string): Standing {
  if (method === methods.shift || method === methods.shownInterval) return 'does not decide';
  return OURS.has(method) ? 'decides' : 'peer';
}

export interface Meaning {
  /** `wrong`: deciding so is an error, of probability α at most. `right`: it is what ought to be found. `none`: it says nothing. */
  readonly harmful: 'wrong' | 'right' | 'none';
  readonly nonInferior: 'wrong' | 'right' | 'none';
}

/** What the decisions of a method mean in a cell. */
export function meaningOf(cell: Cell, method: string): Meaning {
  if (cell.kind === 'split') return { harmful: cell.truth === 'off' ? 'right' : 'wrong', nonInferior: 'none' };
  if (method === methods.shift) return { harmful: 'wrong', nonInferior: 'none' };
  const { truth } = cell;
  switch (truth) {
    case 'no-effect':
      return { harmful: 'wrong', nonInferior: AT_ZERO.has(method) ? 'wrong' : 'right' };
    case 'at-rate-ratio':
      // Users differ: those likely to fail do so early, so first bad events differ by less than all bad events do.
      return { harmful: 'wrong', nonInferior: cell.isClustered ? 'none' : 'wrong' };
    case 'at-margin':
    case 'at-tail-margin':
    case 'at-lower-tail-ratio':
      return { harmful: 'wrong', nonInferior: 'wrong' };
    case 'harm':
      return { harmful: 'right', nonInferior: 'wrong' };
    default:
      return truth satisfies never;
  }
}
