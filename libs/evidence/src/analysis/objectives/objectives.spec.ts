import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Gain, gainOf, type ObjectiveReading, paretoPlaces, utilityOf } from './index.js';

const MATTERS = 0.01;

function reading(changes: Partial<ObjectiveReading> = {}): ObjectiveReading {
  return {
    metric: 'alignment',
    weight: 1,
    direction: 'higher',
    scale: 'difference',
    isShare: false,
    control: 0.3,
    effect: 0.03,
    interval: { low: 0.015, high: 0.045 },
    ...changes,
  };
}

function gain(low: number, high: number, changes: Partial<Gain> = {}): Gain {
  return { metric: 'a', weight: 1, estimate: (low + high) / 2, interval: { low, high }, missing: null, ...changes };
}

describe('gain', () => {
  it('is a share of the value of control, positive where the candidate is better', () => {
    const { estimate, interval } = gainOf(reading());
    expect(estimate).toBeCloseTo(0.1, 12);
    expect(interval?.low).toBeCloseTo(0.05, 12);
    expect(interval?.high).toBeCloseTo(0.15, 12);
    const cost = gainOf(reading({ direction: 'lower', control: 2, effect: -0.5, interval: { low: -1, high: 0.2 } }));
    expect(cost.estimate).toBeCloseTo(0.25, 12);
    expect(cost.interval).toEqual({ low: -0.1, high: 0.5 });
  });

  it('counts towards better also where control is negative', () => {
    expect(gainOf(reading({ control: -2, effect: 1, interval: null })).estimate).toBe(0.5);
  });

  it('reads every scale', () => {
    const around = { low: -0.2, high: 0.2 };
    const relative = gainOf(
      reading({ scale: 'relative', direction: 'lower', control: null, effect: -0.1, interval: around }),
    );
    expect(relative).toMatchObject({ estimate: 0.1, interval: around, missing: null });
    const ratio = gainOf(reading({ scale: 'ln-rate-ratio', direction: 'lower', effect: -Math.LN2, interval: null }));
    expect(ratio.estimate).toBeCloseTo(0.5, 12);
    expect(gainOf(reading({ scale: 'probability', effect: 0.25, interval: null })).estimate).toBe(0.5);
  });

  it('says what is missing', () => {
    expect(gainOf(reading({ control: null })).missing).toBe('no-data');
    expect(gainOf(reading({ effect: null })).missing).toBe('no-data');
    expect(gainOf(reading({ interval: null })).missing).toBe('no-interval');
    expect(gainOf(reading({ control: 0 }))).toMatchObject({ estimate: null, missing: 'control-is-zero' });
  });
});

describe('utility', () => {
  it('weighs the gains', () => {
    const { estimate, interval, verdict } = utilityOf([gain(0.1, 0.3, { weight: 3 }), gain(-0.2, 0)], MATTERS);
    expect(estimate).toBeCloseTo((3 * 0.2 - 0.1) / 4, 12);
    expect(interval?.low).toBeCloseTo((3 * 0.1 - 0.2) / 4, 12);
    expect(interval?.high).toBeCloseTo((3 * 0.3 - 0) / 4, 12);
    expect(verdict).toBe('better');
  });

  it.each([
    ['better', 0.002, 0.03],
    ['worse', -0.03, -0.002],
    ['practically-equal', -0.009, 0.009],
    ['practically-equal', 0.002, 0.009],
    ['futile', -0.03, 0.009],
    ['undecided', -0.03, 0.03],
  ] as const)('is %s between %f and %f', (verdict, low, high) => {
    expect(utilityOf([gain(low, high)], MATTERS).verdict).toBe(verdict);
  });

  it('names the objective that keeps it from an answer', () => {
    const waiting = gain(0, 0, { metric: 'rating', interval: null, estimate: null, missing: 'no-data' });
    expect(utilityOf([gain(0.1, 0.2), waiting], MATTERS)).toMatchObject({
      estimate: null,
      interval: null,
      verdict: 'undecided',
      reason: 'no-data: rating',
    });
    expect(utilityOf([{ ...waiting, missing: 'control-is-zero' }], MATTERS)).toMatchObject({
      verdict: 'unmeasurable',
      reason: 'control-is-zero: rating',
    });
    expect(utilityOf([], MATTERS)).toMatchObject({ verdict: 'unmeasurable', reason: 'no-objectives' });
  });

  it('flips with the variants', () => {
    const numbers = fc.tuple(
      fc.double({ min: -1, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0.1, max: 5, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 1, maxLength: 4 }), (objectives) => {
        const one = utilityOf(
          objectives.map(([low, width, weight]) => gain(low, low + width, { weight })),
          MATTERS,
        );
        const other = utilityOf(
          objectives.map(([low, width, weight]) => gain(-low - width, -low, { weight })),
          MATTERS,
        );
        expect(other.estimate).toBeCloseTo(-(one.estimate as number), 12);
        expect(other.interval?.low).toBeCloseTo(-(one.interval?.high as number), 12);
        if (one.verdict === 'better') expect(other.verdict).toBe('worse');
      }),
    );
  });
});

describe('pareto view', () => {
  it('shows who is on the front, control included', () => {
    const places = paretoPlaces(
      'control',
      new Map([
        ['fast', [gain(0.2, 0.4), gain(-0.2, -0.1)]],
        ['good', [gain(-0.2, -0.1), gain(0.2, 0.4)]],
        ['bad', [gain(-0.4, -0.3), gain(-0.4, -0.3)]],
      ]),
    );
    expect(places).toEqual([
      { variant: 'control', onFront: true, surelyDominatedBy: [] },
      { variant: 'fast', onFront: true, surelyDominatedBy: [] },
      { variant: 'good', onFront: true, surelyDominatedBy: [] },
      { variant: 'bad', onFront: false, surelyDominatedBy: ['control', 'fast', 'good'] },
    ]);
  });

  it('is sure only where intervals are apart, and silent about what is unknown', () => {
    const unknown: Gain = { metric: 'a', weight: 1, estimate: null, interval: null, missing: 'no-data' };
    const places = paretoPlaces(
      'control',
      new Map([
        ['slightly', [gain(-0.1, 0.2)]],
        ['unknown', [unknown]],
      ]),
    );
    expect(places).toEqual([
      { variant: 'control', onFront: false, surelyDominatedBy: [] },
      { variant: 'slightly', onFront: true, surelyDominatedBy: [] },
      { variant: 'unknown', onFront: true, surelyDominatedBy: [] },
    ]);
  });
});
