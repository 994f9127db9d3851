import { describe, expect, it } from 'vitest';
import { seededRandom, type SeededRandom } from '../../test/seeded-random.js';
import { bet, type BettingDesign, initialBetting, lnEHarmful, lnENonInferior } from './betting.js';
import { addToSketch, initialSketch, quantile } from '../summaries/quantile-sketch.js';
import { hit, initialTilt, lnELessOften, lnEMoreOften } from './tilt.js';

const ALPHA = 0.05;
const RUNS = 200;
const EVENTS = 6_000;
/** α plus two standard errors of a share of RUNS. */
const MOST_FALSE_ALARMS = ALPHA + 2 * Math.sqrt((ALPHA * (1 - ALPHA)) / RUNS);
const THRESHOLD = -Math.log(ALPHA);

/** The candidate's share when event `i` of EVENTS is drawn. */
const shares: Readonly<Record<string, (i: number) => number>> = {
  '50 %': () => 0.5,
  '5 %': () => 0.05,
  '1 %': () => 0.01,
  'a ramp 1 to 50 %': (i) => [0.01, 0.05, 0.1, 0.25, 0.5][Math.floor((5 * i) / EVENTS)] as number,
};

/** Share of runs in which `run` rejected anything, looked at after every event. */
function falseAlarms(seed: number, run: (random: SeededRandom) => { harmful: boolean; nonInferior: boolean }) {
  let harmful = 0;
  let nonInferior = 0;
  for (let index = 0; index < RUNS; index++) {
    const ended = run(seededRandom(1000 * seed + index));
    if (ended.harmful) harmful += 1;
    if (ended.nonInferior) nonInferior += 1;
  }
  return { harmful: harmful / RUNS, nonInferior: nonInferior / RUNS };
}

/**
 * Exactly on the boundary both "harmful" and "non-inferior" are wrong. With margin 0 the boundary is "no effect".
 * Drift: half a standard deviation over the run, the same for both variants.
 */
describe('false alarms of betting, looked at after every event', () => {
  for (const [share, at] of Object.entries(shares)) {
    for (const spread of [1, 2]) {
      for (const margin of [0, 0.01]) {
        it(`${share}, candidate's spread ×${spread}, worse by exactly the margin ${margin}`, () => {
          const design: BettingDesign = { lo: 0, hi: 0.6, harmfulAt: [margin], nonInferiorAt: [margin] };
          const rates = falseAlarms(spread + 10 * margin, (random) => {
            const state = initialBetting(design);
            const rejected = { harmful: false, nonInferior: false };
            for (let i = 0; i < EVENTS; i++) {
              const propensity = at(i);
              const isCandidate = random.uniform() < propensity;
              const mean = 0.3 + (0.0175 * i) / EVENTS - (isCandidate ? margin : 0);
              const value = mean + 0.035 * (isCandidate ? spread : 1) * random.normal();
              bet(state, design, isCandidate ? 'candidate' : 'control', propensity, value);
              rejected.harmful ||= lnEHarmful(state, 0) >= THRESHOLD;
              rejected.nonInferior ||= lnENonInferior(state, 0) >= THRESHOLD;
            }
            return rejected;
          });
          expect(rates.harmful).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
          expect(rates.nonInferior).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
        });
      }
    }
  }
});

describe('false alarms of the tilt, looked at after every event', () => {
  for (const [share, at] of Object.entries(shares)) {
    it(`${share}, errors of 2 %, no effect`, () => {
      const rates = falseAlarms(31, (random) => {
        const state = initialTilt();
        const rejected = { harmful: false, nonInferior: false };
        for (let i = 0; i < EVENTS; i++) {
          const propensity = at(i);
          const arm = random.uniform() < propensity ? 'candidate' : 'control';
          if (random.uniform() >= 0.02) continue;
          hit(state, arm, propensity);
          rejected.harmful ||= lnEMoreOften(state, 0) >= THRESHOLD;
          rejected.nonInferior ||= lnELessOften(state, 0) >= THRESHOLD;
        }
        return rejected;
      });
      expect(rates.harmful).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
      expect(rates.nonInferior).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
    });

    for (const margin of [0, 0.1]) {
      it(`${share}, latency beyond control's past p95, slower by exactly the margin ${margin}`, () => {
        const rates = falseAlarms(53 + 10 * margin, (random) => {
          const state = initialTilt();
          const past = initialSketch();
          let limit = Infinity;
          let refreshAt = 20;
          const rejected = { harmful: false, nonInferior: false };
          for (let i = 0; i < EVENTS; i++) {
            const propensity = at(i);
            const isCandidate = random.uniform() < propensity;
            const drawn = Math.exp(0.3 * random.normal() + (0.15 * i) / EVENTS) * (isCandidate ? 1 + margin : 1);
            if ((isCandidate ? drawn / (1 + margin) : drawn) > limit) {
              hit(state, isCandidate ? 'candidate' : 'control', propensity);
              rejected.harmful ||= lnEMoreOften(state, 0) >= THRESHOLD;
              rejected.nonInferior ||= lnELessOften(state, 0) >= THRESHOLD;
            }
            if (isCandidate) continue;
            addToSketch(past, drawn);
            if (past.n < refreshAt) continue;
            limit = quantile(past, 0.95) ?? Infinity;
            refreshAt = 1.05 * past.n;
          }
          return rejected;
        });
        expect(rates.harmful).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
        expect(rates.nonInferior).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
      });
    }

    it(`${share}, rate ratio exactly at the margin 1.5`, () => {
      const boundary = Math.log(1.5);
      const rates = falseAlarms(71, (random) => {
        const state = initialTilt();
        const rejected = { harmful: false, nonInferior: false };
        for (let i = 0; i < EVENTS; i++) {
          const propensity = at(i);
          const isCandidate = random.uniform() < propensity;
          if (random.uniform() >= (isCandidate ? 0.03 : 0.02)) continue;
          hit(state, isCandidate ? 'candidate' : 'control', propensity);
          rejected.harmful ||= lnEMoreOften(state, boundary) >= THRESHOLD;
          rejected.nonInferior ||= lnELessOften(state, boundary) >= THRESHOLD;
        }
        return rejected;
      });
      expect(rates.harmful).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
      expect(rates.nonInferior).toBeLessThanOrEqual(MOST_FALSE_ALARMS);
    });
  }
});

describe('power', () => {
  it('betting finds a mean worse by 0.02, margin 0.01, at a share of 5 % within 4,000 events, in nine of ten runs', () => {
    const design: BettingDesign = { lo: 0.16, hi: 0.44, harmfulAt: [0.01], nonInferiorAt: [] };
    let found = 0;
    for (let run = 0; run < 60; run++) {
      const random = seededRandom(900 + run);
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
      const random = seededRandom(7_000 + run);
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
