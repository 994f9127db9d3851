/**
 * Why a metric's verdict is what it is, and why a number is missing.
 *
 * harmful: `worse-than-margin`; superior: `better-than-control`; non-inferior: `within-margin`.
 * undecided: `collecting` (tests run, none has rejected), `no-data`, `baseline` (control's first units are being collected),
 * `open-windows` (no unit's window has closed yet, of a total),
 * `tail-beyond-bounds` (within the bounds it would be proven, but what lies beyond them is worse by more than the margin),
 * `control-below-baseline` (control has come to lie so far below its first values that the margin fixed then allows too much now),
 * `made-up-for-beyond-bounds` (usual values are proven worse than allowed, but rare ones are so much better that the mean is not),
 * `only-observed` (the experiment doesn't test it), `not-watched` (the same, and too costly to estimate unasked), `no-test` (there is
 * nothing to decide it by), `shift-found` and `no-shift-found` (watched: the distributions differ, or have not been shown to).
 * unmeasurable: `control-tail-infinite` (next to none of control's requests ended: there is nothing to compare with),
 * `scorer-changed` (scores of two scorers are not compared), `unit-memory-full` (who came before is no longer known),
 * `scorer-blind` (it tells the prompts of control's pictures from those of other pictures hardly better than chance),
 * `other-unit-of-measure` (one variant reports it a thousand times as large as the router's time and the other make plausible),
 * `no-denominator` (control's denominators add up to 0), `cannot-decide` (a guardrail or objective that can only warn),
 * `not-paired` (of pairs of shadow traffic: what people do with their pictures, nobody does with copies),
 * `missing-more-often` (a greater share of one variant's units has no value: those that have one are not comparable), `outside-bounds` (most
 * values lie outside the metric's bounds, which make one constant of them).
 *
 * A number is missing because of one of those, or: `one-variant` (the other one has none), `not-randomised` (all units came while one
 * variant had everything), `not-enough-data`, `burn-in` (too few units for an interval that holds), `no-variance` (all values equal),
 * `infinite` (the quantile is one that never came), `zero-control` (nothing is relative to 0), `end-unknown` (an end of
 * the interval is not known yet), `later-requests-differ` (units' later requests say something else than their first ones, which the interval
 * is of), `no-interval` (there is no method for one).
 */
export const analysisReasons = [
  'worse-than-margin',
  'better-than-control',
  'within-margin',
  'collecting',
  'no-data',
  'baseline',
  'open-windows',
  'only-observed',
  'not-watched',
  'no-test',
  'shift-found',
  'no-shift-found',
  'control-tail-infinite',
  'scorer-changed',
  'unit-memory-full',
  'no-denominator',
  'tail-beyond-bounds',
  'made-up-for-beyond-bounds',
  'control-below-baseline',
  'other-unit-of-measure',
  'scorer-blind',
  'cannot-decide',
  'missing-more-often',
  'not-paired',
  'outside-bounds',
  'one-variant',
  'not-randomised',
  'not-enough-data',
  'burn-in',
  'no-variance',
  'infinite',
  'zero-control',
  'both-zero',
  'none-beyond',
  'end-unknown',
  'later-requests-differ',
  'no-interval',
] as const;
export type AnalysisReason = (typeof analysisReasons)[number];
