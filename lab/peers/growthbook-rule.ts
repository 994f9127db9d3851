import { oneSidedSequentialHalfWidth } from './growthbook-sequential.js';
import { type PeerRule, type PeerSituation, UNITS_PER_MINUTE, WATCHED_MINUTES } from './peer-rule.js';
import { addValue, emptySpread, type RunningSpread, variance } from './running-spread.js';

/**
 * GrowthBook's one-sided confidence sequences of the difference of means, at the margin: rollback once harm of at most the
 * margin is excluded, promote once harm of the margin or more is.
 *
 * Docs: docs.growthbook.io/statistics/sequential (the sequence, N* = 5000) and docs.growthbook.io/statistics/details (the
 * standard error, from each variant's own variance). What we add: two one-sided looks at the margin, each at α, which GrowthBook
 * draws but does not act on; looked at after every unit, which the sequence allows. Needs two units and some variance per variant.
 */
export const growthBookSequential: PeerRule = {
  name: 'GrowthBook sequential',
  everyUnits: null,
  start(situation) {
    const { margin } = situation;
    return sequentialRun(situation, ({ lower, upper }) => {
      if (lower > margin) return 'rollback';
      return upper < margin ? 'promote' : 'undecided';
    });
  },
};

/**
 * GrowthBook's safe rollout, as it acts: rollback as soon as the one-sided sequence says that the candidate is worse at all;
 * shipped when the monitored time is over and that has not happened, also if nothing is proven.
 *
 * Docs: docs.growthbook.io/features/safe-rollouts ("Threshold … is always set to zero"; "If test results are still inconclusive
 * after the set duration …, we recommend shipping"). We assume an hour of monitoring and automatic rollback; its traffic ramp
 * (10 → 100 % in the first quarter) is left out, the share stays as given.
 */
export const growthBookSafeRollout: PeerRule = {
  name: 'GrowthBook safe rollout',
  everyUnits: null,
  start(situation) {
    return sequentialRun(situation, ({ lower, n }) => {
      if (lower > 0) return 'rollback';
      return n >= UNITS_PER_MINUTE * WATCHED_MINUTES ? 'promote' : 'undecided';
    });
  },
};

/** Bounds of the harm, each one-sided at α: how much worse the candidate's mean is, positive where it is worse. */
interface HarmBounds {
  readonly lower: number;
  readonly upper: number;
  readonly n: number;
}

function sequentialRun(
  { worse, alpha }: PeerSituation,
  judge: (bounds: HarmBounds) => ReturnType<ReturnType<PeerRule['start']>['decide']>,
): ReturnType<PeerRule['start']> {
  const control = emptySpread();
  const candidate = emptySpread();
  return {
    observe(isCandidate, value) {
      if (Number.isFinite(value)) addValue(isCandidate ? candidate : control, value);
    },
    decide: () => judge(harmBounds(control, candidate, worse, alpha)),
  };
}

function harmBounds(
  control: RunningSpread,
  candidate: RunningSpread,
  worse: PeerSituation['worse'],
  alpha: number,
): HarmBounds {
  const n = control.n + candidate.n;
  const ofControl = variance(control);
  const ofCandidate = variance(candidate);
  // GrowthBook gives no result for a variant without variance.
  if (!(ofControl > 0) || !(ofCandidate > 0)) return { lower: -Infinity, upper: Infinity, n };
  const harm = (candidate.mean - control.mean) * (worse === 'higher' ? 1 : -1);
  const standardError = Math.sqrt(ofControl / control.n + ofCandidate / candidate.n);
  const halfWidth = oneSidedSequentialHalfWidth(standardError, n, alpha);
  return { lower: harm - halfWidth, upper: harm + halfWidth, n };
}
