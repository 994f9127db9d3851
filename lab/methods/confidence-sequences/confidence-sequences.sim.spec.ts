/** @module-tag long */
import { describe, expect, it } from 'vitest';
import {
  bernoulliInterval,
  doublyRobustDifference,
  initialMeanDifference,
  meanDifference,
  observeMean,
  quantileRanks,
} from '#libs/statistics';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { NEW_UNIT, type UnitTotals } from '../summaries/cluster-moments.js';
import { adjustedMeanDifference, initialAdjustedMeanDifference, observeAdjusted } from './adjusted-mean-difference.js';
import {
  clusteredMeanDifference,
  initialClusteredMeanDifference,
  observeClustered,
} from './clustered-mean-difference.js';
import {
  empiricalBernsteinInterval,
  initialEmpiricalBernstein,
  observeEmpiricalBernstein,
} from './empirical-bernstein-sequence.js';
import { lnEQuantilesDiffer, valueCounts } from './quantile-comparison.js';

const ALPHA = 0.05;
/** Ten percent apart: an interval whose ends are searched for is too dear to be read after every value. */
const looks = new Set(Array.from({ length: 85 }, (_, k) => Math.round(1.1 ** k)));

interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Share of runs whose interval excluded the truth at any look, and the mean width at the last one. */
function simulate(
  runs: number,
  seed: number,
  run: (random: SimulationRandom, look: (interval: Interval | null, truth: number) => void) => void,
) {
  let missed = 0;
  let width = 0;
  for (let index = 0; index < runs; index++) {
    let hasMissed = false;
    let last = 0;
    run(simulationRandom(10_000 * seed + index), (interval, truth) => {
      if (interval === null) return;
      hasMissed ||= truth < interval.low || truth > interval.high;
      last = interval.high - interval.low;
    });
    if (hasMissed) missed += 1;
    width += last / runs;
  }
  return { missed: missed / runs, width, runs };
}

/** α plus 2.5 binomial standard errors. */
function expectCoverage({ missed, runs }: { missed: number; runs: number }): void {
  expect(missed).toBeLessThanOrEqual(ALPHA + 2.5 * Math.sqrt((ALPHA * (1 - ALPHA)) / runs));
}

describe('the shown difference of means covers at every look after its burn-in', () => {
  for (const [share, spread] of [
    [0.5, 1],
    [0.05, 1],
    [0.05, 2],
  ] as const) {
    it(`share ${share}, candidate's spread ×${spread}`, () => {
      expectCoverage(
        simulate(120, 1 + spread, (random, look) => {
          const state = initialMeanDifference();
          for (let i = 1; i <= 6_000; i++) {
            const isCandidate = random.uniform() < share;
            const value = (isCandidate ? 0.2 : 0) + (isCandidate ? spread : 1) * random.normal();
            observeMean(state, isCandidate ? 'candidate' : 'control', share, value);
            if (i % 25 === 0) look(meanDifference(state, ALPHA).interval, 0.2);
          }
        }),
      );
    });
  }

  it('which a fixed-horizon interval does not: the simulation would notice', () => {
    const { missed } = simulate(120, 2, (random, look) => {
      const state = initialMeanDifference();
      for (let i = 1; i <= 6_000; i++) {
        observeMean(state, random.uniform() < 0.5 ? 'candidate' : 'control', 0.5, random.normal());
        const robust = i % 25 === 0 && i >= 200 ? doublyRobustDifference(state) : null;
        if (robust === null) continue;
        const halfWidth = 1.96 * robust.standardError;
        look({ low: robust.difference - halfWidth, high: robust.difference + halfWidth }, 0);
      }
    });
    expect(missed).toBeGreaterThan(0.2);
  });

  it('a ramp from 1 to 50 % under drift', () => {
    expectCoverage(
      simulate(120, 5, (random, look) => {
        const state = initialMeanDifference();
        for (let i = 1; i <= 6_000; i++) {
          const share = [0.01, 0.05, 0.1, 0.25, 0.5][Math.floor((5 * (i - 1)) / 6_000)] as number;
          const isCandidate = random.uniform() < share;
          observeMean(state, isCandidate ? 'candidate' : 'control', share, i / 12_000 + random.normal());
          if (i % 25 === 0) look(meanDifference(state, ALPHA).interval, 0);
        }
      }),
    );
  });

  it('all generations of returning users', () => {
    expectCoverage(
      simulate(120, 6, (random, look) => {
        const state = initialClusteredMeanDifference(10);
        const units = Array.from({ length: 800 }, () => ({
          mean: 10 + random.normal(),
          isCandidate: random.uniform() < 0.5,
          totals: NEW_UNIT as UnitTotals,
        }));
        for (let i = 1; i <= 6_000; i++) {
          // Users arrive one after another and come back ever after, some far more often than others.
          const known = Math.min(800, 1 + Math.floor(i / 5));
          const unit = units[Math.floor(known * random.uniform() ** 2)] as (typeof units)[0];
          const value = unit.mean + random.normal();
          unit.totals = observeClustered(state, unit.isCandidate ? 'candidate' : 'control', 0.5, unit.totals, value);
          if (i % 25 === 0) look(clusteredMeanDifference(state, ALPHA).interval, 0);
        }
      }),
    );
  });

  it('adjusted for a covariate', () => {
    expectCoverage(
      simulate(120, 7, (random, look) => {
        const state = initialAdjustedMeanDifference();
        for (let i = 1; i <= 5_000; i++) {
          const isCandidate = random.uniform() < 0.2;
          const covariate = random.normal();
          observeAdjusted(
            state,
            isCandidate ? 'candidate' : 'control',
            0.2,
            covariate,
            covariate + 0.5 * random.normal(),
          );
          if (i % 25 === 0) look(adjustedMeanDifference(state, ALPHA).interval, 0);
        }
      }),
    );
  });
});

describe('exact sequences cover at all looks, from the first value on', () => {
  for (const rate of [0.5, 0.02]) {
    it(`a Bernoulli rate of ${rate}`, () => {
      expectCoverage(
        simulate(150, 8, (random, look) => {
          let successes = 0;
          for (let n = 1; n <= 3_000; n++) {
            if (random.uniform() < rate) successes += 1;
            if (looks.has(n)) look(bernoulliInterval(successes, n, ALPHA), rate);
          }
        }),
      );
    });
  }

  for (const p of [0.5, 0.95]) {
    it(`the ${p}-quantile`, () => {
      const most = 5_000;
      const ranks = Array.from({ length: most + 1 }, (_, n) =>
        n === 0 || n % 10 !== 0 ? null : quantileRanks(p, n, ALPHA, 1_000),
      );
      expectCoverage(
        simulate(300, 9, (random, look) => {
          // The value of rank k lies above the quantile exactly where fewer than k values lie below it.
          let below = 0;
          for (let n = 1; n <= most; n++) {
            if (random.uniform() < p) below += 1;
            const at = ranks[n];
            if (at)
              look({ low: at.low <= 1 ? -Infinity : at.low, high: at.high >= n ? Infinity : at.high }, below + 0.5);
          }
        }),
      );
    });
  }

  for (const law of ['uniform', 'rare'] as const) {
    it(`empirical Bernstein, ${law} values`, () => {
      expectCoverage(
        simulate(200, 10, (random, look) => {
          const state = initialEmpiricalBernstein(ALPHA);
          for (let n = 1; n <= 3_000; n++) {
            const value = law === 'uniform' ? random.uniform() : Number(random.uniform() < 0.03);
            observeEmpiricalBernstein(state, value);
            look(empiricalBernsteinInterval(state), law === 'uniform' ? 0.5 : 0.03);
          }
        }),
      );
    });
  }

  it('equal quantiles of unequal laws are rarely told apart', () => {
    expectCoverage(
      simulate(60, 11, (random, look) => {
        const arms: [number[], number[]] = [[], []];
        for (let n = 1; n <= 1_000; n++) {
          arms[0].push(random.normal());
          arms[1].push(3 * random.normal());
          if (n % 100 !== 0) continue;
          const lnE = lnEQuantilesDiffer(valueCounts(arms[0]), valueCounts(arms[1]), 0.5, { at: 500, alpha: ALPHA });
          look({ low: lnE, high: Infinity }, -Math.log(ALPHA));
        }
      }),
    );
  });
});
