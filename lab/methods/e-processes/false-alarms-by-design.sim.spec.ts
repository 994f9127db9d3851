/** @module-tag long */
import { describe, expect, it } from 'vitest';
import {
  bet,
  bettingInterval,
  bettingIntervalDesign,
  betPaired,
  hit,
  initialBetting,
  initialPairedBetting,
  initialTilt,
  initialWitnessTilt,
  lnEHarmful,
  lnEMoreOften,
  lnENonInferior,
  lnEPairedHarmful,
  lnEPairedNonInferior,
  lnEWitness,
  lnRateRatioBound,
  observeWitness,
} from '#libs/statistics';
import { expectFewFalseAlarms, THRESHOLD } from '#libs/testing/figures';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { betAdjusted, initialAdjustedBetting } from './adjusted-betting.js';
import { pairPropensity } from './pair-propensity.js';
import { betOnRatio } from './ratio-betting.js';
import { blockDesign, initialSafeTwoByTwo, observeBlock } from './safe-two-by-two.js';

const MARGIN = 0.01;
const SIDES = ['harmful', 'non-inferior'];
const margins = { harmfulAt: [MARGIN], nonInferiorAt: [MARGIN] };

describe('false alarms by what is compared, looked at after every event, exactly on the boundary', () => {
  it('pairs: correlated, the difference skewed', () => {
    expectFewFalseAlarms(101, SIDES, (random, look) => {
      const design = { largestDifference: 0.5, ...margins };
      const state = initialPairedBetting(design);
      for (let i = 0; i < 2_000; i++) {
        // One picture in fifty is wrong by 0.2 and the others make up for it.
        const difference = (random.uniform() < 0.02 ? -0.2 : 0.2 / 49) - MARGIN + 0.02 * random.normal();
        betPaired(state, design, difference);
        look(0, lnEPairedHarmful(state, 0));
        look(1, lnEPairedNonInferior(state, 0));
      }
    });
  });

  it('ratios: cost per image of units of different size, at 10 %', () => {
    const baseline = { ratio: 1, meanDenominator: 3 };
    const design = { lo: -3, hi: 5, harmfulAt: [0], nonInferiorAt: [0] };
    expectFewFalseAlarms(102, SIDES, (random, look) => {
      const state = initialBetting(design);
      for (let i = 0; i < 2_000; i++) {
        const arm = random.uniform() < 0.1 ? 'candidate' : 'control';
        const denominator = 1 + Math.floor(-2 * Math.log(1 - random.uniform()) + 0.5);
        const numerator = denominator * (1 + 0.3 * (random.uniform() - 0.5));
        betOnRatio(state, design, baseline, arm, 0.1, { numerator, denominator });
        look(0, lnEHarmful(state, 0));
        look(1, lnENonInferior(state, 0));
      }
    });
  });

  it('regression adjustment: the effect follows the covariate, its mean is the margin', () => {
    const design = { lo: 0, hi: 0.6, ...margins };
    expectFewFalseAlarms(103, SIDES, (random, look) => {
      const state = initialAdjustedBetting(design, 1);
      for (let i = 0; i < 2_000; i++) {
        const propensity = i < 1_000 ? 0.1 : 0.5;
        const covariate = random.normal();
        const isCandidate = random.uniform() < propensity;
        const effect = isCandidate ? -MARGIN + 0.03 * covariate : 0;
        const value = 0.3 + 0.04 * covariate + effect + 0.02 * random.normal();
        betAdjusted(state, design, isCandidate ? 'candidate' : 'control', propensity, value, [covariate]);
        look(0, lnEHarmful(state.betting, 0));
        look(1, lnENonInferior(state.betting, 0));
      }
    });
  });

  it('embeddings: one law in both variants, drifting, over a ramp', () => {
    expectFewFalseAlarms(104, ['witness'], (random, look) => {
      const state = initialWitnessTilt(4);
      for (let i = 0; i < 1_200; i++) {
        const propensity = i < 400 ? 0.05 : i < 800 ? 0.25 : 0.5;
        const embedding = Float64Array.from({ length: 4 }, () => random.normal() + i / 1_000);
        observeWitness(state, random.uniform() < propensity ? 'candidate' : 'control', propensity, embedding);
        look(0, lnEWitness(state));
      }
    });
  });

  it('2 × 2 blocks: one rate in both variants, moving between blocks', () => {
    const design = blockDesign(9, 1);
    expectFewFalseAlarms(105, ['2 × 2'], (random, look) => {
      const state = initialSafeTwoByTwo();
      for (let block = 0; block < 400; block++) {
        const rate = block % 2 === 0 ? 0.02 : 0.3;
        observeBlock(state, design, successes(random, 9, rate), successes(random, 1, rate));
        look(0, state.lnE);
      }
    });
  });

  it('three variants: each against control alone, while all weights move', () => {
    const design = { lo: 0, hi: 0.6, harmfulAt: [0], nonInferiorAt: [0] };
    const tests = ['harmful B', 'non-inferior B', 'harmful C', 'non-inferior C', 'events B', 'events C'];
    expectFewFalseAlarms(106, tests, (random, look) => {
      const betting = [initialBetting(design), initialBetting(design)];
      const tilts = [initialTilt(), initialTilt()];
      for (let i = 0; i < 2_000; i++) {
        // B rises from 1 % to 60 % as C falls from 40 % to 2 %; the mean drifts with them.
        const weights = [0.01 + (0.59 * i) / 2_000, 0.4 - (0.38 * i) / 2_000] as const;
        const control = 1 - weights[0] - weights[1];
        const drawn = random.uniform();
        const variant = drawn < control ? null : drawn < control + weights[0] ? 0 : 1;
        const value = 0.2 + (0.1 * i) / 2_000 + 0.035 * random.normal();
        const isBad = random.uniform() < 0.02 + (0.1 * i) / 2_000;
        for (const candidate of [0, 1] as const) {
          if (variant !== null && variant !== candidate) continue;
          const arm = variant === null ? 'control' : 'candidate';
          const propensity = pairPropensity(weights[candidate], control);
          const state = betting[candidate] as (typeof betting)[number];
          bet(state, design, arm, propensity, value);
          look(2 * candidate, lnEHarmful(state, 0));
          look(2 * candidate + 1, lnENonInferior(state, 0));
          const tilt = tilts[candidate] as (typeof tilts)[number];
          if (isBad && hit(tilt, arm, propensity) && i % 20 === 0) look(4 + candidate, lnEMoreOften(tilt, 0));
        }
      }
    });
  });

  it('intervals: the effect leaves them, ever, in few runs', () => {
    const effect = -0.02;
    const effects = Array.from({ length: 11 }, (_, index) => -0.1 + 0.02 * index);
    const design = bettingIntervalDesign({ lo: 0.16, hi: 0.44 }, effects);
    expectFewFalseAlarms(107, ['of the mean', 'of the rate ratio'], (random, look) => {
      const state = initialBetting(design);
      const tilt = initialTilt();
      for (let i = 1; i <= 300; i++) {
        const isCandidate = random.uniform() < 0.5;
        const arm = isCandidate ? 'candidate' : 'control';
        bet(state, design, arm, 0.5, 0.3 + (isCandidate ? effect : 0) + 0.035 * random.normal());
        if (random.uniform() < (isCandidate ? 0.6 : 0.3)) hit(tilt, arm, 0.5);
        if (i % 10 !== 0) continue;
        const { low, high } = bettingInterval(state, design, 0.05);
        // Some room for the rounding of the grid's points.
        look(0, low > effect + 0.005 || high < effect - 0.005 ? Infinity : 0);
        const bound = lnRateRatioBound(tilt, 'lower', 0.05) ?? 0;
        look(1, bound > Math.LN2 ? Infinity : 0);
      }
    });
  });
});

describe('fewer events', () => {
  const RUNS = 20;
  const design = { lo: 0.16, hi: 0.44, harmfulAt: [], nonInferiorAt: [0.005] };

  it('regression adjustment needs two thirds where the covariate explains half of the variance', () => {
    const plain: number[] = [];
    const adjusted: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const random = simulationRandom(run);
      const without = initialBetting(design);
      const withCovariate = initialAdjustedBetting(design, 1);
      const value = (covariate: number): number => 0.3 + 0.035 * Math.SQRT1_2 * (covariate + random.normal());
      let ended = [0, 0];
      for (let i = 1; i <= 4_000 && ended.includes(0); i++) {
        const covariate = random.normal();
        const arm = random.uniform() < 0.5 ? 'candidate' : 'control';
        const seen = value(covariate);
        bet(without, design, arm, 0.5, seen);
        betAdjusted(withCovariate, design, arm, 0.5, seen, [covariate]);
        ended = [ended[0] || rejectedAt(i, without), ended[1] || rejectedAt(i, withCovariate.betting)];
      }
      plain.push(ended[0] || 4_000);
      adjusted.push(ended[1] || 4_000);
    }
    expect(median(adjusted)).toBeLessThan((2 / 3) * median(plain));
  });

  it('pairs at a correlation of 0.7 need less than a quarter', () => {
    const pairs = { largestDifference: 0.14, ...design };
    const unpaired: number[] = [];
    const paired: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const random = simulationRandom(500 + run);
      const states = { unpaired: initialBetting(design), paired: initialPairedBetting(pairs) };
      let ended = [0, 0];
      for (let i = 1; i <= 4_000 && ended.includes(0); i++) {
        const prompt = random.normal();
        const draw = (): number => 0.3 + 0.035 * (Math.sqrt(0.7) * prompt + Math.sqrt(0.3) * random.normal());
        const [control, candidate] = [draw(), draw()];
        const arm = random.uniform() < 0.5 ? 'candidate' : 'control';
        bet(states.unpaired, design, arm, 0.5, arm === 'candidate' ? candidate : control);
        betPaired(states.paired, pairs, candidate - control);
        const pairedLnE = lnEPairedNonInferior(states.paired, 0);
        ended = [ended[0] || rejectedAt(i, states.unpaired), ended[1] || (pairedLnE >= THRESHOLD ? i : 0)];
      }
      unpaired.push(ended[0] || 4_000);
      paired.push(ended[1] || 4_000);
    }
    expect(median(paired)).toBeLessThan(median(unpaired) / 4);
  });

  it('the witness finds a shift by half a standard deviation in one of 16 dimensions within 1,000 embeddings', () => {
    let found = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = simulationRandom(900 + run);
      const state = initialWitnessTilt(16);
      for (let i = 0; i < 1_000 && lnEWitness(state) < THRESHOLD; i++) {
        const arm = random.uniform() < 0.5 ? 'candidate' : 'control';
        const embedding = Float64Array.from({ length: 16 }, () => random.normal());
        if (arm === 'candidate') embedding[3] = (embedding[3] as number) + 0.5;
        observeWitness(state, arm, 0.5, embedding);
      }
      if (lnEWitness(state) >= THRESHOLD) found += 1;
    }
    expect(found).toBeGreaterThanOrEqual(0.9 * RUNS);
  });
});

function successes(random: SimulationRandom, trials: number, rate: number): number {
  let count = 0;
  for (let trial = 0; trial < trials; trial++) if (random.uniform() < rate) count += 1;
  return count;
}

function rejectedAt(event: number, state: Parameters<typeof lnENonInferior>[0]): number {
  return lnENonInferior(state, 0) >= THRESHOLD ? event : 0;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
