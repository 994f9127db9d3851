import { allCells, type Cell, cellId, type ShareName } from './cells.js';
import { meaningOf, methods, standingOf, type Standing } from './methods.js';
import { ALPHA, type CellResult, type MethodResult, SPLIT_ALPHA } from './run-cell.js';
import type { StoredResults } from './stored-results.js';

/** A cell that was simulated. */
export interface KnownCell {
  readonly cell: Cell;
  readonly result: CellResult;
}

/** One error rate: how often a decision was taken that is wrong in its cell. */
export interface ErrorRate {
  readonly method: string;
  readonly standing: Standing;
  readonly decision: 'harmful' | 'non-inferior';
  readonly share: ShareName;
  readonly cell: Cell;
  readonly rate: number;
  readonly runs: number;
  readonly alpha: number;
  /** Above α by more than two standard errors of a rate of α. */
  readonly isTooHigh: boolean;
}

export function knownCells({ results }: StoredResults): readonly KnownCell[] {
  return allCells().flatMap((cell) => {
    const result = results[cellId(cell)];
    return result && 'methods' in result ? [{ cell, result }] : [];
  });
}

/**
 * Every wrong decision that could be taken at the boundary of a hypothesis, what decides first; harm itself is left to the
 * tables of power.
 */
export function errorRates(cells: readonly KnownCell[]): readonly ErrorRate[] {
  return ratesOf(cells).toSorted((a, b) => STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing));
}

/** In the order of tables and plots. */
export const STANDINGS: readonly Standing[] = ['decides', 'does not decide', 'peer'];

function ratesOf(cells: readonly KnownCell[]): readonly ErrorRate[] {
  return cells
    .filter(({ cell }) => cell.truth !== 'harm')
    .flatMap(({ cell, result }) =>
      result.methods.flatMap((method) => {
        const meaning = meaningOf(cell, method.method);
        const rates: ErrorRate[] = [];
        if (meaning.harmful === 'wrong') rates.push(rateOf(cell, result, method, 'harmful'));
        if (meaning.nonInferior === 'wrong') rates.push(rateOf(cell, result, method, 'non-inferior'));
        return rates;
      }),
    );
}

export function standardError(rate: number, runs: number): number {
  return Math.sqrt((rate * (1 - rate)) / runs);
}

export function alphaOf(method: string): number {
  return method === methods.split ? SPLIT_ALPHA : ALPHA;
}

/** Above α by more than two binomial standard errors. */
export function exceeds(rate: number, runs: number, alpha: number): boolean {
  return rate > alpha + 2 * standardError(alpha, runs);
}

function rateOf(cell: Cell, { runs }: CellResult, method: MethodResult, decision: ErrorRate['decision']): ErrorRate {
  const decided = decision === 'harmful' ? method.harmful : method.nonInferior;
  const rate = (decided?.count ?? 0) / runs;
  const alpha = alphaOf(method.method);
  return {
    method: method.method,
    standing: standingOf(method.method),
    decision,
    share: cell.share,
    cell,
    rate,
    runs,
    alpha,
    isTooHigh: exceeds(rate, runs, alpha),
  };
}
