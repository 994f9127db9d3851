import { expect } from 'vitest';
import { simulationRandom, type SimulationRandom } from '../random/index.js';

export const TESTED_ALPHA = 0.05;
/** ln E at which a test at level α rejects. */
export const THRESHOLD = -Math.log(TESTED_ALPHA);
const RUNS = 200;

/** α plus two standard errors of a share of the runs. */
const MOST_FALSE_ALARMS = TESTED_ALPHA + 2 * Math.sqrt((TESTED_ALPHA * (1 - TESTED_ALPHA)) / RUNS);

/**
 * Simulates a null 200 times and expects every test to have rejected, at any look of a run, in few of the runs. Tests may share the draws
 * of a run: each test's rate is as it would be alone.
 * @param run one run: calls `look` with a test's number in `tests` and its ln E, as often as the test is looked at.
 */
export function expectFewFalseAlarms(
  seed: number,
  tests: readonly string[],
  run: (random: SimulationRandom, look: (test: number, lnE: number) => void) => void,
): void {
  const runsThatRejected = new Uint32Array(tests.length);
  for (let index = 0; index < RUNS; index++) {
    const hasRejected = new Uint8Array(tests.length);
    let looks = 0;
    run(simulationRandom(1000 * seed + index), (test, lnE) => {
      looks += 1;
      if (!(lnE < THRESHOLD)) hasRejected[test] = 1;
    });
    expect(looks, 'looks in a run').toBeGreaterThan(0);
    hasRejected.forEach((rejected, test) => (runsThatRejected[test] = (runsThatRejected[test] as number) + rejected));
  }
  tests.forEach((test, index) => {
    expect((runsThatRejected[index] as number) / RUNS, test).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
  });
}
