import { describe, expect, it } from 'vitest';
import { addToSketch, initialSketch, quantile } from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import { allCells, type Cell, cellId } from '../lab/calibrate/cells.js';
import { DensePast } from '../lab/calibrate/dense-past.js';
import { errorRates } from '../lab/calibrate/rates.js';
import { type CellResult, runCell } from '../lab/calibrate/run-cell.js';
import { boundaryShift, valueShapes } from '../lab/calibrate/shapes.js';

const RUNS = 120;
const EVENTS = 2_500;

function cellOf(id: string): Cell {
  const found = allCells().find((cell) => cellId(cell) === id);
  if (!found) throw new RangeError(`no cell ${id}`);
  return found;
}

function ratesOf(id: string, runs = RUNS) {
  const cell = cellOf(id);
  return errorRates([{ cell, result: runCell(cell, { seed: 1, runs, events: EVENTS }) }]);
}

/** Methods and decisions whose rate is above α, in a cell of the peers. */
function tooHighIn(id: string): readonly string[] {
  // Peers' cells take a fifth of the runs.
  return ratesOf(id, 5 * 40)
    .filter(({ isTooHigh }) => isTooHigh)
    .map(({ method, decision }) => `${method}: ${decision}`);
}

/** A short version of `npm run calibrate`. */
describe('calibration, looked at after every event', () => {
  it.each([
    'ours/binary/no-effect/5 %/stationary/several per user',
    'ours/binary/at-margin/1 %/stationary/one per unit',
    'ours/binary/at-rate-ratio/50 %/drift/one per unit',
    'ours/lognormal/no-effect/ramp/drift/one per unit',
    'ours/lognormal/at-margin/ramp/drift/one per unit',
    'ours/lognormal/at-tail-margin/5 %/drift/one per unit',
    'ours/bounded/no-effect/50 %/stationary/one per unit',
    'ours/bounded/at-lower-tail-ratio/ramp/stationary/one per unit',
    'ours/spread-doubled/at-margin/5 %/stationary/one per unit',
    'ours/spread-doubled/at-margin/ramp/drift/several per user',
    'ours/other-shape/at-margin/1 %/stationary/one per unit',
    'ours/other-shape/at-margin/50 %/stationary/several per user',
    'design/paired/at-margin/50 %',
    'design/adjusted/at-margin/ramp',
    'design/ratio/at-margin/5 %',
    'design/preference/at-margin/50 %',
    'split/as-ordered/ramp/one per unit',
  ])('keeps α in what decides: %s', (id) => {
    const deciding = ratesOf(id).filter(({ standing }) => standing === 'decides');
    expect(deciding.length).toBeGreaterThan(0);
    expect(deciding.filter(({ isTooHigh }) => isTooHigh)).toEqual([]);
  });

  it(
    'sees a rule that exceeds α: own variances at a share of 1 %, values pooled over a ramp, tests without a margin',
    { tags: 'long' },
    () => {
      const small = tooHighIn('peers/lognormal/at-margin/1 %/stationary/one per unit');
      expect(small).toContain('GrowthBook sequential: non-inferior');
      expect(small.some((rate) => rate.startsWith('PipeCD'))).toBe(true);
      expect(tooHighIn('peers/lognormal/at-margin/ramp/drift/one per unit')).toContain(
        'GrowthBook sequential: harmful',
      );
    },
  );

  it('finds harm, and proves what is equal', () => {
    const harm = runCell(cellOf('all/bounded/harm/50 %/stationary/one per unit'), {
      seed: 1,
      runs: 40,
      events: EVENTS,
    });
    expect(decided(harm, 'betting, at the margin').harmful).toBe(harm.runs);
    const equal = runCell(cellOf('ours/bounded/no-effect/50 %/stationary/one per unit'), {
      seed: 1,
      runs: 40,
      events: EVENTS,
    });
    expect(decided(equal, 'betting, at the margin').nonInferior).toBeGreaterThanOrEqual(0.9 * equal.runs);
  });

  it('repeats itself: a cell follows from its seed', () => {
    const cell = cellOf('ours/bounded/no-effect/50 %/drift/one per unit');
    const { methods } = runCell(cell, { seed: 3, runs: 10, events: 1_500 });
    expect(runCell(cell, { seed: 3, runs: 10, events: 1_500 }).methods).toEqual(methods);
    expect(runCell(cell, { seed: 4, runs: 10, events: 1_500 }).methods).not.toEqual(methods);
  });
});

describe('the simulation', () => {
  it('has the past quantile of the sketch', () => {
    for (const p of [0.02, 0.95]) {
      const random = simulationRandom(9);
      const dense = new DensePast(p);
      const sketch = initialSketch();
      let refreshAt = 20;
      let limit: number | null = null;
      for (let i = 0; i < 5_000; i++) {
        const value = Math.exp(random.normal());
        dense.add(value);
        addToSketch(sketch, value);
        if (sketch.n >= refreshAt) {
          limit = quantile(sketch, p);
          refreshAt = Math.ceil(sketch.n * 1.05);
        }
        expect(dense.limit).toBe(limit);
      }
    }
  });

  it('lays the boundary where the clipped means differ by the margin', () => {
    const random = simulationRandom(5);
    const bounds = { lo: 0.16, hi: 0.44 };
    const clip = (value: number): number => Math.min(bounds.hi, Math.max(bounds.lo, value));
    const shape = valueShapes['spread-doubled'];
    const shift = boundaryShift(shape, 0.5, 0.01, bounds);
    let difference = 0;
    const values = 400_000;
    for (let i = 0; i < values; i++) {
      difference += clip(shape.control(random.normal(), 0.5)) - clip(shape.candidate(random.normal(), 0.5, shift, 1));
    }
    expect(Math.abs(difference / values - 0.01)).toBeLessThan(5e-4);
  });
});

function decided({ methods }: CellResult, name: string): { readonly harmful: number; readonly nonInferior: number } {
  const found = methods.find(({ method }) => method === name);
  return { harmful: found?.harmful?.count ?? -1, nonInferior: found?.nonInferior?.count ?? -1 };
}
