import {
  type ArgoCounts,
  argoCounted,
  type ArgoLimits,
  argoMeasurement,
  type ArgoPhase,
  argoPhase,
  NO_MEASUREMENTS,
} from './argo-rollouts.js';
import { flaggerCheck, flaggerSequence, flaggerStart, type FlaggerState, type FlaggerWeights } from './flagger.js';
import { type PeerDecision, type PeerRule, UNITS_PER_MINUTE } from './peer-rule.js';

/**
 * Flagger: the canary's mean of the last minute against a fixed bound; rollback at the tenth failed check (they add up, they
 * need not follow each other), promoted after ten that passed.
 *
 * Docs: docs.flagger.app/usage/how-it-works (interval 1m, threshold 10, maxWeight 50 by stepWeight 5: ten steps) and
 * …/deployment-strategies (each halt by a metric increments the
 * counter of failed checks). A minute without canary values is one.
 */
export const flagger: PeerRule = flaggerRule('Flagger, threshold per minute', { stepWeight: 5, maxWeight: 50 });

/** The same with the four weights of its guide's example of steps that are not equal: four checks that pass promote. */
export const flaggerStepWeights: PeerRule = flaggerRule('Flagger, stepWeights 1, 2, 10, 80', {
  stepWeights: [1, 2, 10, 80],
});

function flaggerRule(name: string, weights: FlaggerWeights): PeerRule {
  const sequence = flaggerSequence(weights);
  return thresholdRule<FlaggerState>({
    name,
    intervalMinutes: 1,
    start: flaggerStart(sequence),
    check: (state, harm, margin) =>
      flaggerCheck(state, harm !== null && harm <= margin, { sequence, threshold: FAILED_CHECKS }),
    decide: ({ decision }) => decision,
  });
}

const FAILED_CHECKS = 10;

/**
 * Argo Rollouts: a background analysis of the canary's mean over five minutes against a fixed bound; aborted at the fourth failed
 * measurement (`failureLimit: 3`), promoted after twelve measurements.
 *
 * Docs: argo-rollouts.readthedocs.io/en/stable/features/analysis (interval 5m, failureLimit 3). We assume an hour of steps
 * (count 12). A measurement without values is an error of the query: it counts as neither, but more than four abort
 * (`consecutiveErrorLimit`, 4 unless set).
 */
export const argoRollouts: PeerRule = argoRule('Argo Rollouts, threshold per five minutes', {
  failureLimit: 3,
  count: 12,
});

/** The same, which is over well after three successes in a row and pauses for a person when twelve measurements have not brought them: undecided. */
export const argoConsecutiveSuccess: PeerRule = argoRule('Argo Rollouts, three successes in a row', {
  failureLimit: 3,
  consecutiveSuccessLimit: 3,
  count: 12,
});

function argoRule(name: string, limits: ArgoLimits): PeerRule {
  return thresholdRule<ArgoCounts>({
    name,
    intervalMinutes: 5,
    start: NO_MEASUREMENTS,
    check: (counts, harm, margin) =>
      argoCounted(counts, argoMeasurement(harm, { success: (value) => value <= margin })),
    decide: (counts) => ARGO_DECISIONS[argoPhase(counts, limits)],
  });
}

const ARGO_DECISIONS: Readonly<Record<ArgoPhase, PeerDecision>> = {
  running: 'undecided',
  successful: 'promote',
  failed: 'rollback',
  // Paused until a person decides.
  inconclusive: 'undecided',
  error: 'rollback',
};

interface ThresholdRule<State> {
  readonly name: string;
  readonly intervalMinutes: number;
  readonly start: State;
  /** @param harm by how much the canary's mean is worse than the bound without its margin; null: there was nothing to measure. */
  readonly check: (state: State, harm: number | null, margin: number) => State;
  readonly decide: (state: State) => PeerDecision;
}

/**
 * A rule that looks at the canary alone. Its bound would be set by an operator who knows the metric: we take the mean of all
 * control values so far, made worse by the margin, which no operator could do better.
 */
function thresholdRule<State>({ name, intervalMinutes, start, check, decide }: ThresholdRule<State>): PeerRule {
  const intervalUnits = intervalMinutes * UNITS_PER_MINUTE;
  return {
    name,
    everyUnits: intervalUnits,
    start({ margin, worse }) {
      const control = { n: 0, sum: 0 };
      let candidate = { n: 0, sum: 0 };
      let state = start;
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
          state = check(state, harm(), margin);
          candidate = { n: 0, sum: 0 };
          if (decision === 'undecided') decision = decide(state);
        },
        decide: () => decision,
      };

      function harm(): number | null {
        if (candidate.n === 0 || control.n === 0) return null;
        return (candidate.sum / candidate.n - control.sum / control.n) * (worse === 'higher' ? 1 : -1);
      }
    },
  };
}
