import { describe, expect, it } from 'vitest';
import { type Arm, hit } from '#libs/statistics';
import { definition } from '#libs/testing/traffic';
import { evidenceDesign, type MetricDesign } from '../catalogue/evidence-design.js';
import { lowerTailMethod } from './lower-tail-method.js';
import type { JudgeContext } from './method.js';

const design = evidenceDesign(
  definition({
    guardrails: [{ metric: 'wrong-pictures', margin: { kind: 'relative', value: 0.5 }, rollbackOn: 'any-harm' }],
  }),
  1,
);
const metric = design.metrics.find(({ definition: { name } }) => name === 'wrong-pictures') as MetricDesign;

/** ln E of harm where 10,000 units are assigned to each variant, of which so many have a picture, and so many of these a wrong one. */
function lnEOfHarm(pictures: Record<Arm, number>, wrong: Record<Arm, number>): number {
  const state = lowerTailMethod.initial(metric);
  state.limit.limit = 0.2;
  for (const arm of ['control', 'candidate'] as const) {
    state.counts.units[arm] = pictures[arm];
    state.compared[arm] = state.allCompared[arm] = pictures[arm];
    for (let n = 0; n < wrong[arm]; n++) {
      for (const tilt of [state.harmBelow, state.below, state.allBelow]) hit(tilt, arm, 0.5);
    }
  }
  const context: JudgeContext = {
    alpha: 0.05,
    states: new Map(),
    unitsSeen: () => ({ control: 10_000, candidate: 10_000 }),
    coverage: () => ({ answered: pictures, covered: pictures, lnE: 0 }),
  };
  return lowerTailMethod.judge(state, metric, context).tests?.harmful ?? Number.NaN;
}

const PROVEN = Math.log(20);

describe('harm in a lower tail', () => {
  it('is none where control has fewer pictures, and wrong ones as often among them', () => {
    const wrong = { control: 132, candidate: 204 };
    expect(lnEOfHarm({ control: 6_500, candidate: 10_000 }, wrong)).toBeLessThan(0);
    // Of as many pictures it would be.
    expect(lnEOfHarm({ control: 10_000, candidate: 10_000 }, wrong)).toBeGreaterThan(PROVEN);
  });

  it('is found where the candidate has wrong pictures more often than that', () => {
    expect(lnEOfHarm({ control: 6_500, candidate: 10_000 }, { control: 132, candidate: 420 })).toBeGreaterThan(PROVEN);
  });

  it('is not taken back where the candidate is the one with fewer pictures', () => {
    expect(lnEOfHarm({ control: 10_000, candidate: 6_500 }, { control: 132, candidate: 204 })).toBeGreaterThan(PROVEN);
  });
});
