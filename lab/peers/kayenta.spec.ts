import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canaryScore,
  classifyMetric,
  commonLanguageEffect,
  type JudgedMetric,
  kayentaJudgement,
  type KayentaClassification,
  scoreVerdict,
} from './kayenta.js';

const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value);
const EITHER = { direction: 'either' } as const;
/** 20 against 1 on average, far apart. */
const HIGH = [20, 22, 21, 25, 30, 24, 23];
const LOW = [1, 2.2, 1.1, 2.5, 3, 1.9, 2.1];

describe('constants', () => {
  it.each([
    ['above control', 10, 1, 'High'],
    ['below control', 1, 10, 'Low'],
    ['above a control of 0, to which nothing is in a ratio', 10, 0, 'High'],
    ['0 below control', 0, 10, 'Low'],
    ['below 0, where the ratio of the means turns less into more', -10, -1, 'Pass'],
    ['the same', 3, 3, 'Pass'],
  ] as const)('%s', (_what, experiment, control, expected) => {
    for (const count of [5, 30]) {
      expect(classifyMetric(times(count, experiment), times(count, control), EITHER)).toBe(expected);
    }
  });

  it('of one value each can not be compared', () => {
    expect(kayentaJudgement([10], [1], { ...EITHER, critical: true })).toEqual({
      classification: 'Error',
      critical: false,
      effect: null,
    });
  });

  it('are told apart in the direction that is asked for, and only beyond the allowed effect', () => {
    const [high, low] = [times(5, 10), times(5, 1)];
    expect(classifyMetric(high, low, { direction: 'decrease' })).toBe('Pass');
    expect(classifyMetric(high, low, { ...EITHER, allowedIncrease: 9 })).toBe('High');
    expect(classifyMetric(high, low, { ...EITHER, allowedIncrease: 11 })).toBe('Pass');
  });

  it('but for one value pass', () => {
    expect(classifyMetric([1, 1, 1, 1, 10], times(5, 1), EITHER)).toBe('Pass');
    expect(classifyMetric([0, 1, 1, 1, 1], times(5, 1), EITHER)).toBe('Pass');
  });
});

describe('samples', () => {
  it('that are equal up to their order pass', () => {
    expect(kayentaJudgement([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], { ...EITHER, critical: true })).toEqual({
      classification: 'Pass',
      critical: false,
      effect: null,
    });
  });

  it.each([
    ['remove', false, false, 'Nodata', false],
    ['remove', true, false, 'Nodata', true],
    ['remove', false, true, 'NodataFailMetric', false],
    ['remove', true, true, 'Nodata', true],
    ['replace', true, true, 'Pass', false],
  ] as const)(
    'without values, %s, critical %s, required %s: %s',
    (nanStrategy, critical, mustHaveData, classification, fails) => {
      expect(kayentaJudgement([], LOW, { ...EITHER, nanStrategy, critical, mustHaveData })).toEqual({
        classification,
        critical: fails,
        effect: null,
      });
    },
  );

  it('of what is no number have no data, or are 0', () => {
    const nothing = times(7, Number.NaN);
    expect(classifyMetric(nothing, LOW, EITHER)).toBe('Nodata');
    expect(classifyMetric(nothing, LOW, { ...EITHER, nanStrategy: 'replace' })).toBe('Low');
    expect(classifyMetric([...HIGH, Number.NaN], HIGH, EITHER)).toBe('Pass');
  });

  it('lose what lies far out, where that is asked for', () => {
    // 1,000 values of 0 … 99 in both, and twenty of 10,000 in one.
    const usual = Array.from({ length: 1_000 }, (_, i) => i % 100);
    const far = [...usual, ...times(5, 10_000)];
    const means = (outlierFactor: number | null) =>
      kayentaJudgement(
        far,
        usual.map((value) => value + 0.5),
        { ...EITHER, outlierFactor },
      ).effect!;
    expect(means(null)).toBeGreaterThan(1.9);
    expect(means(3)).toBeCloseTo(49.5 / 50, 3);
  });
});

describe('the effect', () => {
  it('in common language is the share of pairs in which the experiment is larger', () => {
    expect(commonLanguageEffect([1, 2, 3], [4, 5, 6])).toBe(0);
    expect(commonLanguageEffect([4, 5, 6], [1, 2, 3])).toBe(1);
    // (1, 2), (1, 3), (2, 3) are lost, (2, 2) is a tie.
    expect(commonLanguageEffect([1, 2], [2, 3])).toBe(1 / 8);
    const values = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(values, values, (x, y) => {
        const pairs = x.flatMap((a) => y.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
        const mean = pairs.reduce<number>((sum, won) => sum + won, 0) / pairs.length;
        expect(commonLanguageEffect(x, y)).toBeCloseTo(mean, 12);
      }),
    );
  });

  it('in common language has to reach what is allowed, from a half on', () => {
    const rising = [...LOW.slice(1), 40, 41, 42, 43, 44, 45, 46, 47, 48];
    const cles = commonLanguageEffect(rising, LOW);
    const judged = (allowedIncrease?: number) =>
      classifyMetric(rising, LOW, { ...EITHER, measure: 'cles', ...(allowedIncrease ? { allowedIncrease } : {}) });
    expect(cles).toBeGreaterThan(0.7);
    expect(cles).toBeLessThan(0.95);
    const free = judged();
    expect(judged(cles + 0.01)).toBe('Pass');
    expect(judged(cles - 0.01)).toBe(free);
    expect(classifyMetric(HIGH, LOW, { ...EITHER, measure: 'cles', allowedIncrease: 1 })).toBe('High');
    expect(classifyMetric(LOW, HIGH, { ...EITHER, measure: 'cles', allowedDecrease: 0 })).toBe('Low');
  });

  it('of a critical metric fails the canary from its own threshold on', () => {
    const judged = (criticalIncrease?: number) =>
      kayentaJudgement(HIGH, LOW, { ...EITHER, critical: true, ...(criticalIncrease ? { criticalIncrease } : {}) });
    // 165 / 13.8.
    expect(judged().effect).toBeCloseTo(11.96, 2);
    expect(judged()).toMatchObject({ classification: 'High', critical: true });
    expect(judged(11)).toMatchObject({ classification: 'High', critical: true });
    expect(judged(13)).toMatchObject({ classification: 'High', critical: false });
    expect(kayentaJudgement(LOW, HIGH, { ...EITHER, critical: true, criticalDecrease: 0.05 })).toMatchObject({
      classification: 'Low',
      critical: false,
    });
    expect(kayentaJudgement(HIGH, LOW, EITHER)).toMatchObject({ classification: 'High', critical: false });
    // There is no ratio to 0, so none is asked for.
    expect(kayentaJudgement(HIGH, times(7, 0), { ...EITHER, critical: true, criticalIncrease: 99 })).toMatchObject({
      classification: 'High',
      critical: true,
      effect: null,
    });
  });
});

const metric = (
  group: string | readonly string[],
  classification: KayentaClassification,
  rest: Partial<JudgedMetric> = {},
) => ({
  group,
  classification,
  critical: false,
  ...rest,
});

describe('the score', () => {
  it.each([
    ['of one that passes', [metric('a', 'Pass')], {}, 100],
    ['of one in three', [metric('a', 'Pass'), metric('a', 'High'), metric('a', 'Low')], {}, 33.33],
    ['of two groups by weight', [metric('a', 'Pass'), metric('b', 'High')], { a: 75, b: 25 }, 75],
    [
      'of groups without weights, which share what is left',
      [metric('a', 'High'), metric('b', 'Pass'), metric('c', 'Pass')],
      { a: 40 },
      60,
    ],
    ['whose weight is of a group that no metric has', [metric('a', 'Pass')], { a: 60, b: 40 }, 60],
    ['of a group without data: 100', [metric('a', 'High'), metric('a', 'Pass'), metric('b', 'Nodata')], {}, 75],
    [
      'of a group without all of its data',
      [metric('a', 'Pass'), metric('a', 'Nodata'), metric('b', 'High')],
      { a: 50, b: 50 },
      50,
    ],
    ['of half of the metrics without data: 0', [metric('a', 'Pass'), metric('b', 'Nodata')], {}, 0],
    ['of data that had to be there', [metric('a', 'Pass'), metric('a', 'NodataFailMetric')], {}, 50],
    ['of what could not be compared', [metric('a', 'Pass'), metric('b', 'Error')], {}, 100],
    ['of a critical one that fails: 0', [metric('a', 'Pass'), metric('a', 'High', { critical: true })], {}, 0],
    ['of a critical one that passes', [metric('a', 'Low'), metric('a', 'Pass', { critical: true })], {}, 50],
    [
      'of a muted one: as if it were not there',
      [metric('a', 'Pass'), metric('a', 'High', { critical: true, muted: true })],
      {},
      100,
    ],
    ['of one in two groups', [metric(['a', 'b'], 'High'), metric('b', 'Pass')], { a: 20, b: 80 }, 40],
  ] as const)('%s', (_what, metrics, weights, expected) => {
    expect(canaryScore(metrics, weights)).toBe(expected);
  });

  it('passes, is marginal or fails by its thresholds', () => {
    const thresholds = { pass: 95, marginal: 75 };
    expect([100, 95, 94.99, 75, 74.99].map((score) => scoreVerdict(score, thresholds))).toEqual([
      'Pass',
      'Pass',
      'Marginal',
      'Marginal',
      'Fail',
    ]);
  });
});
