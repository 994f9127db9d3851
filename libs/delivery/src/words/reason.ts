/** Why a verdict is what it is or a number is missing, in words; a code may name what it is about ("no-data: alignment"). */
export function reasonInWords(code: string): string {
  const [reason, about] = code.split(': ') as [string, string?];
  const words = reasonWords[reason] ?? reason.replaceAll('-', ' ');
  return about === undefined ? words : `${about}: ${words}`;
}

/** What an operator can do about a guardrail that can't be measured, by the reason. */
export const waysOut: Readonly<Record<string, string>> = {
  'scorer-changed': 'roll back and start a new attempt, which compares the scores of the present scorer alone',
  'scorer-blind': 'a model that knows such pictures (SCORER_MODEL_DIR), or guardrails that do not rest on alignment',
  'unit-memory-full': 'a new revision with unit: request, which has to remember nobody',
  'control-tail-infinite': 'mend control, next to none of whose own requests ends',
  'no-denominator': 'a metric whose denominator is not 0 in control',
  'cannot-decide': 'a new revision that has it under "watch"',
  'missing-more-often': 'find what loses them, then start a new attempt',
  'outside-bounds': 'a new revision with bounds that the values lie in',
};

/** Of the codes of analyses (`analysisReasons`) and of objectives. The page is served these. */
export const reasonWords: Readonly<Record<string, string>> = {
  'worse-than-margin': 'proven worse than the margin',
  'better-than-control': 'proven better than control',
  'within-margin': 'proven to stay within the margin',
  collecting: 'still collecting evidence',
  'no-data': 'no data yet',
  baseline: 'control is being measured first',
  'open-windows': 'no unit’s window has closed yet',
  'only-observed': 'recorded only; it decides nothing',
  'control-tail-infinite': 'next to none of control’s requests ended',
  'scorer-changed': 'scores of two scorer versions can’t be compared',
  'unit-memory-full': 'there are more units than can be remembered; harm is still found, nothing more is proven',
  'not-watched': 'recorded only; it is computed once it is watched',
  'no-test': 'shown only; there is no test for it',
  'shift-found': 'proven to differ between the variants',
  'no-shift-found': 'no difference has been found',
  'scorer-blind': 'the scorer cannot tell the prompts of these pictures apart',
  'other-unit-of-measure': 'one variant reports it in another unit of measure',
  'no-denominator': 'there is nothing to divide by',
  'tail-beyond-bounds': 'rare values beyond the bounds are worse than the margin allows',
  'control-below-baseline':
    'control has come to lie far below its first values, of which the margin is a percentage; a new attempt fixes it anew',
  'made-up-for-beyond-bounds':
    'usual values are worse than the margin allows, but rare ones are so much better that the mean is not',
  'cannot-decide': 'it can only warn, never decide',
  'one-variant': 'one variant has no data yet',
  'missing-more-often': 'values are missing more often in one variant, and those that are missing may be the bad ones',
  'not-paired': 'nobody sees the copies of shadow traffic, so that they say nothing of what people do',
  'outside-bounds': 'most values lie outside the metric’s bounds',
  'not-randomised': 'one variant had all the traffic',
  'not-enough-data': 'not enough data',
  'burn-in': 'too few units for an interval',
  'no-variance': 'all values are equal',
  infinite: 'too many requests never ended',
  'zero-control':
    'control’s value is 0 or too near to it, so that a percentage of it means nothing: write the margin in the metric’s unit, or with a floor such as "+5% or +1ms"',
  'both-zero': 'the value is 0 in both variants',
  'none-beyond': 'no value of either variant lies beyond control’s usual ones',
  'end-unknown': 'not enough data for an interval',
  'later-requests-differ': 'later requests of the same units say something else',
  'no-interval': 'it has no interval yet',
  'worse-than-control': 'proven worse than control',
  'within-what-matters': 'proven to differ by less than what matters',
  'no-gain-that-matters-is-left': 'proven unable to gain what matters',
  'control-is-zero': 'control’s value is 0',
  'no-objectives': 'the experiment has no objectives',
};
