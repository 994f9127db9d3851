/** @module-tag long */
import { describe, expect, it } from 'vitest';
import { expectFewFalseAlarms, THRESHOLD } from '#libs/testing/figures';
import { simulationRandom } from '#libs/testing/random';
import { bet, type BettingDesign, initialBetting, lnEHarmful, lnENonInferior } from './betting.js';
import { initialClassCentres } from './class-centres.js';
import {
  betInClass,
  betNested,
  initialNestedBetting,
  lnENestedHarmful,
  lnENestedNonInferior,
  nestedBettingDesign,
  nestedRanges,
} from './nested-betting.js';
import { addToSketch, initialSketch, quantile } from '../summaries/quantile-sketch.js';
import { hit, initialTilt, lnELessOften, lnEMoreOften, type Tilt } from './tilt.js';

const EVENTS = 5_000;

/** The candidate's share when event `i` of EVENTS is drawn. */
const shares: Readonly<Record<string, (i: number) => number>> = {
  '50 %': () => 0.5,
  '5 %': () => 0.05,
  '1 %': () => 0.01,
  'a ramp 1 to 50 %': (i) => [0.01, 0.05, 0.1, 0.25, 0.5][Math.floor((5 * i) / EVENTS)] as number,
};

/**
 * Exactly on the boundary both "harmful" and "non-inferior" are wrong. With margin 0 the boundary is "no effect".
 * Drift: half a standard deviation over the run, the same for both variants. All cells of a share see the same draws.
 */
describe('false alarms of betting, looked at after every event', () => {
  const cells = [
    { spread: 1, margin: 0 },
    { spread: 1, margin: 0.01 },
    { spread: 2, margin: 0 },
    { spread: 2, margin: 0.01 },
  ];
  const designs = cells.map(({ margin }): BettingDesign => ({
    lo: 0,
    hi: 0.6,
    harmfulAt: [margin],
    nonInferiorAt: [margin],
  }));
  const tests = cells.flatMap(({ spread, margin }) => [
    `harmful, candidate's spread ×${spread}, worse by exactly the margin ${margin}`,
    `non-inferior, candidate's spread ×${spread}, worse by exactly the margin ${margin}`,
  ]);

  it.each(Object.entries(shares))('%s', (_share, at) => {
    expectFewFalseAlarms(1, tests, (random, look) => {
      const states = designs.map(initialBetting);
      for (let i = 0; i < EVENTS; i++) {
        const propensity = at(i);
        const isCandidate = random.uniform() < propensity;
        const normal = random.normal();
        for (let cell = 0; cell < cells.length; cell++) {
          const { spread, margin } = cells[cell] as (typeof cells)[number];
          const state = states[cell] as (typeof states)[number];
          const mean = 0.3 + (0.0175 * i) / EVENTS - (isCandidate ? margin : 0);
          const value = mean + 0.035 * (isCandidate ? spread : 1) * normal;
          bet(state, designs[cell] as BettingDesign, isCandidate ? 'candidate' : 'control', propensity, value);
          look(2 * cell, lnEHarmful(state, 0));
          look(2 * cell + 1, lnENonInferior(state, 0));
        }
      }
    });
  });
});

/** Exactly at the margin of 5 %: half of it by all pictures, half by one in 200 that costs six times as much; and the law of easy and hard prompts. */
describe('false alarms of betting within nested bounds, looked at after every event', () => {
  const margin = 0.05;
  const design = nestedBettingDesign(nestedRanges({ mean: -1, spread: 0.3 }, margin), {
    harmfulAt: margin,
    steps: [{ share: 1, margin }],
  });
  const tests = ['a rare picture', 'a drift of both, hard and easy prompts'].flatMap((what) => [
    `harmful: ${what}`,
    `non-inferior: ${what}`,
  ]);

  it.each([
    ['50 %', () => 0.5],
    ['a ramp 1 to 50 %', (i: number) => [0.01, 0.05, 0.1, 0.25, 0.5][Math.floor(i / 400)] as number],
  ] as const)('%s', (_share, at) => {
    expectFewFalseAlarms(7, tests, (random, look) => {
      const states = [initialNestedBetting(design), initialNestedBetting(design)] as const;
      const classes = initialClassCentres(4);
      for (let i = 0; i < 2_000; i++) {
        const propensity = at(i);
        const isCandidate = random.uniform() < propensity;
        const arm = isCandidate ? 'candidate' : 'control';
        const noise = 0.3 * random.normal();
        const isRare = random.uniform() < 0.005;
        const tailed = 1 + noise + (isCandidate ? margin / 2 + (isRare ? 5 : 0) : 0);
        betNested(states[0], design, arm, propensity, -tailed);
        // The candidate is worse by twice the margin where prompts are hard and not at all where they are easy.
        const isHard = random.uniform() < 0.5;
        const drifting =
          1 + noise + 0.6 * Math.sin(i / 150) + (isHard ? 0.4 : -0.4) + (isCandidate && isHard ? 2 * margin : 0);
        betInClass(states[1], design, arm, propensity, -drifting, classes, isHard ? 1 : 0);
        states.forEach((state, of) => {
          look(2 * of, lnENestedHarmful(state));
          look(2 * of + 1, lnENestedNonInferior(state, design, 0));
        });
      }
    });
  });
});

describe('false alarms of the tilt, looked at after every event', () => {
  const boundary = Math.log(1.5);
  const rates = ['errors of 2 %, no effect', 'rate ratio exactly at the margin 1.5'];

  it.each(Object.entries(shares))('%s, errors', (_share, at) => {
    expectFewFalseAlarms(31, bothSides(rates), (random, look) => {
      const equal = initialTilt();
      const worse = initialTilt();
      for (let i = 0; i < EVENTS; i++) {
        const propensity = at(i);
        const isCandidate = random.uniform() < propensity;
        const outcome = random.uniform();
        const arm = isCandidate ? 'candidate' : 'control';
        if (outcome < 0.02) {
          hit(equal, arm, propensity);
          lookAt(look, 0, equal, 0);
        }
        if (outcome < (isCandidate ? 0.03 : 0.02)) {
          hit(worse, arm, propensity);
          lookAt(look, 1, worse, boundary);
        }
      }
    });
  });

  // At any other margin the divided values, and so the events, are the same.
  const margin = 0.1;

  it.each(Object.entries(shares))(
    "%s, latency beyond control's past p95, slower by exactly the margin",
    (_share, at) => {
      expectFewFalseAlarms(53, bothSides(['latency']), (random, look) => {
        const state = initialTilt();
        const past = initialSketch();
        let limit = Infinity;
        let refreshAt = 20;
        for (let i = 0; i < EVENTS; i++) {
          const propensity = at(i);
          const isCandidate = random.uniform() < propensity;
          const drawn = Math.exp(0.3 * random.normal() + (0.15 * i) / EVENTS) * (isCandidate ? 1 + margin : 1);
          if ((isCandidate ? drawn / (1 + margin) : drawn) > limit) {
            hit(state, isCandidate ? 'candidate' : 'control', propensity);
            lookAt(look, 0, state, 0);
          }
          if (isCandidate) continue;
          addToSketch(past, drawn);
          if (past.n < refreshAt) continue;
          limit = quantile(past, 0.95) ?? Infinity;
          refreshAt = 1.05 * past.n;
        }
      });
    },
  );
});

describe('power', () => {
  it('betting finds a mean worse by 0.02, margin 0.01, at a share of 5 % within 4,000 events, in nine of ten runs', () => {
    const design: BettingDesign = { lo: 0.16, hi: 0.44, harmfulAt: [0.01], nonInferiorAt: [] };
    let found = 0;
    for (let run = 0; run < 60; run++) {
      const random = simulationRandom(900 + run);
      const state = initialBetting(design);
      for (let i = 0; i < 4_000; i++) {
        const isCandidate = random.uniform() < 0.05;
        bet(
          state,
          design,
          isCandidate ? 'candidate' : 'control',
          0.05,
          (isCandidate ? 0.28 : 0.3) + 0.035 * random.normal(),
        );
      }
      if (lnEHarmful(state, 0) >= THRESHOLD) found += 1;
    }
    expect(found).toBeGreaterThanOrEqual(54);
  });

  it('betting proves equal pictures non-inferior within 0.01 at a share of 50 % within 1,000 units', () => {
    const design: BettingDesign = { lo: 0.16, hi: 0.44, harmfulAt: [], nonInferiorAt: [0.01] };
    let proven = 0;
    for (let run = 0; run < 60; run++) {
      const random = simulationRandom(7_000 + run);
      const state = initialBetting(design);
      for (let i = 0; i < 1_000; i++) {
        const arm = random.uniform() < 0.5 ? 'candidate' : 'control';
        bet(state, design, arm, 0.5, 0.3 + 0.035 * random.normal());
      }
      if (lnENonInferior(state, 0) >= THRESHOLD) proven += 1;
    }
    expect(proven).toBeGreaterThanOrEqual(54);
  });
});

function bothSides(cells: readonly string[]): string[] {
  return cells.flatMap((cell) => [`more often: ${cell}`, `less often: ${cell}`]);
}

function lookAt(look: (test: number, lnE: number) => void, cell: number, state: Tilt, at: number): void {
  look(2 * cell, lnEMoreOften(state, at));
  look(2 * cell + 1, lnELessOften(state, at));
}
