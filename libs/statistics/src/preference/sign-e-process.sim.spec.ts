import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import { addVote, lnENonInferiorPreference, lnEPreference, noVotes, type Votes, winRateInterval } from './index.js';

const ALPHA = 0.05;
const THRESHOLD = -Math.log(ALPHA);

describe('sign e-process on seeded votes', () => {
  it('raises few false alarms, looked at after every vote, and finds a preference', () => {
    const runs = 400;
    let [alarms, tests, uncovered, found] = [0, 0, 0, 0];
    for (let run = 0; run < runs; run++) {
      if (ever(run, 0.5, (of) => lnEPreference(of) >= THRESHOLD)) alarms += 1;
      if (ever(run, 0.45, (of) => lnENonInferiorPreference(of, 0.05) >= THRESHOLD)) tests += 1;
      if (run < 100 && ever(run, 0.62, isLeftOut)) uncovered += 1;
      if (ever(run, 0.65, (of) => lnEPreference(of) >= THRESHOLD)) found += 1;
    }
    const most = ALPHA + 2 * Math.sqrt((ALPHA * (1 - ALPHA)) / runs);
    expect(alarms / runs).toBeLessThanOrEqual(most);
    expect(tests / runs).toBeLessThanOrEqual(most);
    expect(uncovered / 100).toBeLessThanOrEqual(ALPHA + 2 * Math.sqrt((ALPHA * (1 - ALPHA)) / 100));
    expect(found / runs).toBeGreaterThan(0.9);
  });
});

function isLeftOut(of: Votes): boolean {
  const interval = winRateInterval(of, ALPHA);
  return interval !== null && (interval.low > 0.62 || interval.high < 0.62);
}

/** Whether something ever holds within 300 votes at a win rate. */
function ever(seed: number, rate: number, holds: (of: Votes) => boolean): boolean {
  const random = simulationRandom(seed);
  let of = noVotes;
  for (let i = 0; i < 300; i++) {
    of = addVote(of, random.uniform() < rate ? 'candidate' : 'control');
    if (holds(of)) return true;
  }
  return false;
}
