import { describe, it } from 'vitest';
import { expectFewFalseAlarms } from '#libs/testing/figures';
import { hitPair, initialPairedTilt, lnEPairedLessOften, lnEPairedMoreOften } from './paired-tilt.js';

const RATE = 0.04;
/** Half of control's events hit the candidate of the same prompt as well. */
const COMMON = 0.02;

describe('false alarms of the paired tilt, looked at after every pair, exactly on the boundary', () => {
  it.each([
    ['equal rates', 1],
    ['a candidate of one and a half times the rate, at that margin', 1.5],
  ])('%s', (_what, ratio) => {
    const boundary = Math.log(ratio);
    expectFewFalseAlarms(301, ['more often', 'less often'], (random, look) => {
      const state = initialPairedTilt();
      for (let pair = 0; pair < 2_000; pair++) {
        const drawn = random.uniform();
        const isControlHit = drawn < RATE;
        const isCandidateHit = drawn < COMMON || (drawn >= RATE && drawn < RATE + ratio * RATE - COMMON);
        hitPair(state, isControlHit, isCandidateHit);
        if (!isControlHit && !isCandidateHit) continue;
        look(0, lnEPairedMoreOften(state, boundary));
        look(1, lnEPairedLessOften(state, boundary));
      }
    });
  });
});
