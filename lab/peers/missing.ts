/**
 * Why a peer's method has no answer. `no-data`: a variant without values. `no-variance`: nothing varies. `all-tied`: all values are
 * equal, so that ranks say nothing. `baseline-zero`: the control mean is 0, and there is nothing to be relative to.
 */
export type MissingReason = 'no-data' | 'no-variance' | 'all-tied' | 'baseline-zero';

/** The answer of a method that has none. Told from a result by `'missing' in answer`. */
export interface Missing<Reason extends MissingReason = MissingReason> {
  readonly missing: Reason;
}
