import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import {
  hit,
  initialKnownShares,
  initialTilt,
  lnELessOften,
  lnEMoreOften,
  lnKnownRatio,
  observeKnown,
  propensityAt,
  rejects,
} from '../index.js';

const RUNS = 200;
const UNITS = 2_000;
const LOOK_EVERY = 25;
const SHARE = 0.25;
const BEYOND = 0.1;
/** 5 % and three standard errors of the runs. */
const LARGEST = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / RUNS);

/** Shares of control's and of the candidate's values that are known, and by what both are multiplied in the second half. */
const situations: readonly [control: number, candidate: number, later: number][] = [
  [0.2, 0.99, 1],
  [0.99, 0.3, 1],
  [0.93, 0.93, 1],
  [0.3, 0.9, 0.5],
];

describe('tilts on known values whose law is one', () => {
  it.each(situations)('keep the level where %s of control’s and %s of the candidate’s are known', (d0, d1, later) => {
    const wrong = { more: 0, less: 0 };
    for (let run = 0; run < RUNS; run++) {
      const seen = play({ control: d0, candidate: d1 }, later, 1_000 + run);
      if (seen.more) wrong.more += 1;
      if (seen.less) wrong.less += 1;
    }
    expect(wrong.more / RUNS).toBeLessThan(LARGEST);
    expect(wrong.less / RUNS).toBeLessThan(LARGEST);
  });
});

/** Whether one run ever said that the candidate's known values are beyond a limit more, or less, often. */
function play(
  known: Readonly<Record<'control' | 'candidate', number>>,
  later: number,
  seed: number,
): Readonly<Record<'more' | 'less', boolean>> {
  const random = simulationRandom(seed);
  const shares = initialKnownShares();
  const [more, less] = [initialTilt(), initialTilt()];
  const seen = { more: false, less: false };
  for (let unit = 1; unit <= UNITS; unit++) {
    const arm = random.uniform() < SHARE ? 'candidate' : 'control';
    const isKnown = random.uniform() < known[arm] * (unit <= UNITS / 2 ? 1 : later);
    if (isKnown && random.uniform() < BEYOND) {
      const { low, high } = lnKnownRatio(shares, SHARE);
      hit(more, arm, propensityAt(SHARE, high));
      hit(less, arm, propensityAt(SHARE, low));
    }
    observeKnown(shares, arm, SHARE, isKnown);
    if (unit % LOOK_EVERY !== 0) continue;
    seen.more ||= rejects(lnEMoreOften(more, 0), 0.05);
    seen.less ||= rejects(lnELessOften(less, 0), 0.05);
  }
  return seen;
}
