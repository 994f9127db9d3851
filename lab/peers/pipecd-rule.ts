import { minuteMeans } from './minute-means.js';
import { type PeerDecision, type PeerRule, UNITS_PER_MINUTE, WATCHED_MINUTES } from './peer-rule.js';
import { comparePipeCd } from './pipecd.js';

const WINDOW_MINUTES = 10;
const FAILURE_LIMIT = 1;

/**
 * PipeCD's analysis stage by metrics: a Mann–Whitney test per window between the canary's and the baseline's points; rollback
 * once more windows fail than `failureLimit`, promoted when the stage's time is over.
 *
 * Docs: pipecd.dev/docs/user-guide/managing-application/customizing-deployment/automated-deployment-analysis (strategy
 * CANARY_BASELINE, deviation in the direction that is bad) and pipecd.dev/docs/user-guide/configuration-reference
 * (failureLimit, 1 unless set: the second failed window ends it; skipOnNoData, false unless set).
 * We assume windows of ten minutes, one point a minute, an hour in all: six tests at 5 %. It knows no margin. A window in which only
 * one side has points counts as a failure.
 */
export const pipeCd: PeerRule = {
  name: 'PipeCD, p > .05 per window',
  everyUnits: WINDOW_MINUTES * UNITS_PER_MINUTE,
  start({ worse }) {
    let control: number[] = [];
    let candidate: number[] = [];
    let minutes = 0;
    let failures = 0;
    let decision: PeerDecision = 'undecided';
    const observe = minuteMeans((means) => {
      minutes += 1;
      if (means.control !== null) control.push(means.control);
      if (means.candidate !== null) candidate.push(means.candidate);
      if (minutes % WINDOW_MINUTES !== 0) return;
      const verdict = comparePipeCd(candidate, control, worse === 'higher' ? 'HIGH' : 'LOW');
      control = [];
      candidate = [];
      if (decision !== 'undecided') return;
      if (verdict !== 'acceptable') failures += 1;
      if (failures > FAILURE_LIMIT) decision = 'rollback';
      else if (minutes >= WATCHED_MINUTES) decision = 'promote';
    });
    return { observe, decide: () => decision };
  },
};
