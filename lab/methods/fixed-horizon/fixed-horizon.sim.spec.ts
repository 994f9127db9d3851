import { describe, expect, it } from 'vitest';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { brunnerMunzelTest } from './brunner-munzel.js';
import { mannWhitneyTest } from './mann-whitney.js';
import { mcnemarTest } from './mcnemar.js';
import type { Refused } from './refusal.js';
import { welchTest } from './welch.js';

const ALPHA = 0.05;
const RUNS = 1_200;
/** Three standard errors of a share of RUNS. */
const SPREAD_OF_RATE = 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / RUNS);

type Data = readonly [x: number[], y: number[]];
type Test = (x: number[], y: number[]) => { readonly p: number } | Refused;

/** Share of runs in which a test rejects at ALPHA; a refusal is no rejection. */
function rejections(test: Test, draw: (random: SimulationRandom) => Data): number {
  const random = simulationRandom(20);
  let rejected = 0;
  for (let run = 0; run < RUNS; run++) {
    const answer = test(...draw(random));
    if (!('refused' in answer) && answer.p <= ALPHA) rejected += 1;
  }
  return rejected / RUNS;
}

function times(n: number, draw: () => number): number[] {
  return Array.from({ length: n }, draw);
}

const asymptoticMannWhitney: Test = (x, y) => mannWhitneyTest(x, y, { method: 'asymptotic' });
const welch: Test = (x, y) => welchTest(x, y);
const brunnerMunzel: Test = (x, y) => brunnerMunzelTest(x, y);

/** Equal means and medians; the smaller arm has four times the spread. */
function unequalSpread(random: SimulationRandom): Data {
  return [times(15, () => 4 * random.normal()), times(45, () => random.normal())];
}

function skewed(random: SimulationRandom): Data {
  return [times(25, () => Math.exp(random.normal())), times(40, () => Math.exp(random.normal()))];
}

/** Without ties and small: the exact distribution. */
function small(random: SimulationRandom): Data {
  return [times(9, () => random.normal()), times(8, () => random.normal())];
}

/** Ratings of 1 to 5 with many ties. */
function ratings(random: SimulationRandom): Data {
  const rating = (): number => Math.min(5, Math.max(1, Math.round(4 + 1.5 * random.normal())));
  return [times(30, rating), times(30, rating)];
}

/** 200 pairs; either arm has the event with probability .3. */
function pairs(random: SimulationRandom): Data {
  const event = (): number => Number(random.uniform() < 0.3);
  return [times(200, event), times(200, event)];
}

function mcnemar(method: 'exact' | 'asymptotic'): Test {
  return (x, y) => {
    const firstOnly = x.filter((event, index) => event > (y[index] as number)).length;
    const secondOnly = x.filter((event, index) => event < (y[index] as number)).length;
    return mcnemarTest({ firstOnly, secondOnly }, { method, continuity: false });
  };
}

describe('size at one look', () => {
  const cases: readonly [name: string, test: Test, draw: (random: SimulationRandom) => Data][] = [
    ['Welch, unequal spread and size', welch, unequalSpread],
    ['Mann-Whitney, skewed values', asymptoticMannWhitney, skewed],
    ['Mann-Whitney, ties', asymptoticMannWhitney, ratings],
    ['Mann-Whitney, exact', mannWhitneyTest, small],
    ['Brunner-Munzel, skewed values', brunnerMunzel, skewed],
    ['Brunner-Munzel, unequal spread and size', brunnerMunzel, unequalSpread],
    ['Brunner-Munzel, ties', brunnerMunzel, ratings],
    ['McNemar, asymptotic', mcnemar('asymptotic'), pairs],
  ];
  it.each(cases)('%s', (_, test, draw) => {
    expect(Math.abs(rejections(test, draw) - ALPHA)).toBeLessThanOrEqual(SPREAD_OF_RATE);
  });

  it('McNemar, exact: below α', () => {
    const rate = rejections(mcnemar('exact'), pairs);
    expect(rate).toBeLessThanOrEqual(ALPHA);
    expect(rate).toBeGreaterThan(ALPHA / 2);
  });
});

describe('what these tests are not for', () => {
  it('Mann-Whitney rejects equal means far more often than α where the smaller arm spreads wider', () => {
    // Its variance is that of equal distributions. Brunner-Munzel and Welch keep α on the same data, see above.
    expect(rejections(asymptoticMannWhitney, unequalSpread)).toBeGreaterThan(2 * ALPHA);
  });

  it('looked at 20 times, even the right test rejects a true null far too often', () => {
    const random = simulationRandom(4);
    const runs = 200;
    let rejected = 0;
    for (let run = 0; run < runs; run++) {
      const x: number[] = [];
      const y: number[] = [];
      let hasRejected = false;
      for (let look = 0; look < 20; look++) {
        x.push(...times(10, () => random.normal()));
        y.push(...times(10, () => random.normal()));
        const test = welch(x, y);
        hasRejected ||= !('refused' in test) && test.p <= ALPHA;
      }
      if (hasRejected) rejected += 1;
    }
    expect(rejected / runs).toBeGreaterThan(3 * ALPHA);
  });
});
