import { expectFewFalseAlarms } from '#libs/testing/figures';
import { simulationRandom } from '#libs/testing/random';
import { describe, expect, it } from 'vitest';
import { initialLimit, type MeanLimit, observeLimit, readLimit } from './mean-limit.js';

const AT_MOST_5_PERCENT: MeanLimit = { lo: 0, hi: 1, limit: 0.05 };
const LOOK_EVERY = 20;

describe('a limit that is met exactly', () => {
  it('is neither said to be broken nor to be kept, however often one looks', () => {
    expectFewFalseAlarms(41, ['beyond', 'within', 'beyond, drifting', 'within, drifting'], (random, look) => {
      const steady = initialLimit();
      const drifting = initialLimit();
      for (let unit = 1; unit <= 1_500; unit++) {
        observeLimit(steady, AT_MOST_5_PERCENT, Number(random.uniform() < 0.05), true);
        const rate = unit % 200 < 100 ? 0.01 : 0.09;
        observeLimit(drifting, { ...AT_MOST_5_PERCENT, limit: rate }, Number(random.uniform() < rate), true);
        if (unit % LOOK_EVERY !== 0) continue;
        const readings = [readLimit(steady), readLimit(drifting)];
        readings.forEach(({ lnEBeyond, lnEWithin }, index) => {
          look(2 * index, lnEBeyond);
          look(2 * index + 1, lnEWithin);
        });
      }
    });
  });

  it('hardly ever alarms for the present', () => {
    let alarms = 0;
    for (let seed = 0; seed < 100; seed++) {
      const random = simulationRandom(seed);
      const state = initialLimit();
      let isBroken = false;
      for (let unit = 0; unit < 1_000; unit++) {
        observeLimit(state, AT_MOST_5_PERCENT, Number(random.uniform() < 0.05), true);
        isBroken ||= readLimit(state).isBrokenNow;
      }
      alarms += Number(isBroken);
    }
    // At a mean of ten thousand values to the first alarm at most a tenth of the runs has one.
    expect(alarms).toBeLessThanOrEqual(10);
  });
});
