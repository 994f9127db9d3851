import { canaryScore, classifyMetric } from './kayenta.js';
import { minuteMeans } from './minute-means.js';
import { type PeerDecision, type PeerRule, UNITS_PER_MINUTE, WATCHED_MINUTES } from './peer-rule.js';

/** Below five points the rank statistic cannot reach the quantile of 98 %, and the interval is the extreme differences. */
const FEWEST_POINTS = 5;
/** "You need at least 50 pieces of time series data per metric" (spinnaker.io/docs/guides/user/canary/best-practices). */
const ADVISED_POINTS = 50;

/**
 * Kayenta, judged every minute over all minutes so far: rollback at the first score below marginal, promoted when the hour is
 * over.
 *
 * Docs: spinnaker.io/docs/guides/user/canary/judge and …/stage. We assume that a score below marginal stops the canary at that
 * interval, a growing lookback, one-minute points, one metric (its score is 0 or 100), 98 % and tolerance .25, and the margin as
 * `allowedIncrease` / `allowedDecrease` of the means. To its advantage it is not asked before five points.
 * Cost: O(k log k) per minute with k minutes so far, times some fifty evaluations of three root searches.
 */
export const kayentaEveryMinute: PeerRule = kayentaRule('Kayenta, judged every minute', FEWEST_POINTS);

/** The same, first judged when there are as many points as its guide asks for. */
export const kayentaFromFiftyMinutes: PeerRule = kayentaRule('Kayenta, judged from 50 points on', ADVISED_POINTS);

function kayentaRule(name: string, fewestPoints: number): PeerRule {
  return {
    name,
    everyUnits: UNITS_PER_MINUTE,
    start({ margin, worse }) {
      const control: number[] = [];
      const candidate: number[] = [];
      let minutes = 0;
      let decision: PeerDecision = 'undecided';
      const observe = minuteMeans((means) => {
        minutes += 1;
        if (means.control !== null) control.push(means.control);
        if (means.candidate !== null) candidate.push(means.candidate);
        if (decision !== 'undecided') return;
        if (control.length >= fewestPoints && candidate.length >= fewestPoints && score() === 0) decision = 'rollback';
        else if (minutes >= WATCHED_MINUTES) decision = 'promote';
      });
      return { observe, decide: () => decision };

      function score(): number {
        const mean = average(control);
        // A ratio of negative means turns more into less: nobody who knows the metric would configure it so.
        const sign = mean < 0 ? -1 : 1;
        const isHigherWorse = (worse === 'higher') === (sign === 1);
        // As a ratio, which is how it is configured; without a level there is no ratio, and any difference counts.
        const allowed = mean === 0 ? 1 : 1 + (margin * (isHigherWorse ? 1 : -1)) / Math.abs(mean);
        const turned = (values: readonly number[]) => values.map((value) => sign * value);
        const classification = classifyMetric(turned(candidate), turned(control), {
          direction: isHigherWorse ? 'increase' : 'decrease',
          allowedIncrease: allowed,
          allowedDecrease: allowed,
        });
        return canaryScore([{ group: 'metric', classification, critical: false }]);
      }
    },
  };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
