import { type PeerDecision, type PeerRule, UNITS_PER_MINUTE } from './peer-rule.js';

/**
 * Flagger: the canary's mean of the last minute against a fixed bound; rollback at the tenth failed check (they add up, they
 * need not follow each other), promoted after ten that passed.
 *
 * Docs: docs.flagger.app/usage/how-it-works (interval 1m, threshold 10, maxWeight 50 by stepWeight 5: ten steps) and
 * …/deployment-strategies (each halt by a metric increments the
 * counter of failed checks). A minute without canary values is one.
 */
export const flagger: PeerRule = thresholdRule({
  name: 'Flagger, threshold per minute',
  intervalMinutes: 1,
  withoutValues: 'failed',
  judge({ failed, passed }) {
    if (failed >= 10) return 'rollback';
    return passed >= 10 ? 'promote' : 'undecided';
  },
});

/**
 * Argo Rollouts: a background analysis of the canary's mean over five minutes against a fixed bound; aborted at the fourth failed
 * measurement (`failureLimit: 3`), promoted after twelve measurements.
 *
 * Docs: argo-rollouts.readthedocs.io/en/stable/features/analysis (interval 5m, failureLimit 3). We assume an hour of steps
 * (count 12). A measurement without values is an error of the query: it counts as neither, but more than four abort
 * (`consecutiveErrorLimit`, 4 unless set).
 */
export const argoRollouts: PeerRule = thresholdRule({
  name: 'Argo Rollouts, threshold per five minutes',
  intervalMinutes: 5,
  withoutValues: 'error',
  judge({ failed, passed, errorsInARow }) {
    if (failed > 3 || errorsInARow > 4) return 'rollback';
    return failed + passed >= 12 ? 'promote' : 'undecided';
  },
});

interface Checks {
  readonly failed: number;
  readonly passed: number;
  readonly errorsInARow: number;
}

interface ThresholdRule {
  readonly name: string;
  readonly intervalMinutes: number;
  readonly withoutValues: 'failed' | 'error';
  readonly judge: (checks: Checks) => PeerDecision;
}

/**
 * A rule that looks at the canary alone. Its bound would be set by an operator who knows the metric: we take the mean of all
 * control values so far, made worse by the margin, which no operator could do better.
 */
function thresholdRule({ name, intervalMinutes, withoutValues, judge }: ThresholdRule): PeerRule {
  const intervalUnits = intervalMinutes * UNITS_PER_MINUTE;
  return {
    name,
    everyUnits: intervalUnits,
    start({ margin, worse }) {
      const control = { n: 0, sum: 0 };
      let candidate = { n: 0, sum: 0 };
      let checks: Checks = { failed: 0, passed: 0, errorsInARow: 0 };
      let units = 0;
      let decision: PeerDecision = 'undecided';
      return {
        observe(isCandidate, value) {
          if (Number.isFinite(value)) {
            const arm = isCandidate ? candidate : control;
            arm.n += 1;
            arm.sum += value;
          }
          units += 1;
          if (units % intervalUnits !== 0) return;
          checks = counted(checks);
          candidate = { n: 0, sum: 0 };
          if (decision === 'undecided') decision = judge(checks);
        },
        decide: () => decision,
      };

      function counted({ failed, passed, errorsInARow }: Checks): Checks {
        if (candidate.n === 0 || control.n === 0) {
          return withoutValues === 'failed'
            ? { failed: failed + 1, passed, errorsInARow }
            : { failed, passed, errorsInARow: errorsInARow + 1 };
        }
        const harm = (candidate.sum / candidate.n - control.sum / control.n) * (worse === 'higher' ? 1 : -1);
        return harm > margin
          ? { failed: failed + 1, passed, errorsInARow: 0 }
          : { failed, passed: passed + 1, errorsInARow: 0 };
      }
    },
  };
}
