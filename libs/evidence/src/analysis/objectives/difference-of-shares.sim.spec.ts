import { hit, initialTilt, lnRateRatioInterval } from '#libs/statistics';
import { expectFewFalseAlarms } from '#libs/testing/figures';
import { describe, it } from 'vitest';
import { differenceOfShares } from './difference-of-shares.js';

const ALPHA = 0.05;
const LOOK_EVERY = 50;
const UNITS = 1_500;

/** Control's share and the candidate's. */
const truths = [
  [0, 0.02],
  [0.002, 0.002],
  [0.001, 0.01],
] as const;

/** Looked at as long as it is used: while control has not been hit. */
describe('the interval of a difference of shares where control’s is 0', () => {
  it('misses the truth in few runs, however often one looks', () => {
    const tests = truths.map(([ofControl, ofCandidate]) => `${ofControl} and ${ofCandidate}`);
    expectFewFalseAlarms(31, tests, (random, look) => {
      truths.forEach(([ofControl, ofCandidate], test) => {
        const tilt = initialTilt();
        const candidate = { hits: 0, units: 0 };
        for (let unit = 1; unit <= UNITS; unit++) {
          const isCandidate = random.uniform() < 0.5;
          const isHit = random.uniform() < (isCandidate ? ofCandidate : ofControl);
          if (isHit && !isCandidate) break;
          if (isHit) hit(tilt, 'candidate', 0.5);
          if (isCandidate) candidate.units += 1;
          if (isHit) candidate.hits += 1;
          if (unit % LOOK_EVERY !== 0) continue;
          const { interval } = differenceOfShares(candidate, lnRateRatioInterval(tilt, ALPHA / 2), ALPHA);
          const truth = ofCandidate - ofControl;
          look(test, interval !== null && (truth < interval.low || truth > interval.high) ? Infinity : 0);
        }
        look(test, 0);
      });
    });
  });
});
