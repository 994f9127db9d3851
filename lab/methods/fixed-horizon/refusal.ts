/**
 * Why a test at a fixed sample size has no answer.
 *
 * `not-a-number`: a value is null or NaN. `not-finite`: a mean was asked of infinite values, or it overflows.
 * `too-few-values`: fewer values than the method needs. `no-trials`: a proportion of nothing.
 * `no-variance`: nothing varies (all values tied, no success anywhere), so no difference could be told from chance.
 * `complete-separation`: no value of one sample lies among the other's, so the Brunner-Munzel variance is zero.
 * `no-discordant-pairs`: no pair differs. `ties`, `too-many-pairs`: the exact distribution is not to be had.
 */
export type FixedHorizonRefusal =
  | 'not-a-number'
  | 'not-finite'
  | 'too-few-values'
  | 'no-trials'
  | 'no-variance'
  | 'complete-separation'
  | 'no-discordant-pairs'
  | 'ties'
  | 'too-many-pairs';

/** The answer of a test that has none. Told from a result by `'refused' in answer`. */
export interface Refused<Reason extends FixedHorizonRefusal = FixedHorizonRefusal> {
  readonly refused: Reason;
}
