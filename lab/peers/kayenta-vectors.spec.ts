import { expect, it } from 'vitest';
import { answered } from '#libs/testing/figures';
import { describeWith, readVectors } from '#libs/testing/figures';
import { sampleRatioTest } from './growthbook-tests.js';
import { canaryScore, classifyMetric, type JudgedMetric, mannWhitneyInterval } from './kayenta.js';
import { comparePipeCd, type Deviation, pipeCdMannWhitney } from './pipecd.js';

interface Scored {
  readonly name: string;
  readonly groupWeights: Readonly<Record<string, number>>;
  readonly metrics: readonly JudgedMetric[];
  readonly summaryScore: number;
}

interface Adversarial {
  readonly ref: string;
  readonly experiment: readonly number[];
  readonly control: readonly number[];
  readonly params: {
    readonly tolerance: number;
    readonly confLevel: number;
    readonly effectSizeThresholds: readonly [number, number];
  };
  readonly reporter_wants: string;
  readonly replica_verdict: string;
  readonly replica_ci_est: readonly [number, number, number];
}

interface MannWhitneyCase {
  readonly a: string;
  readonly b: string;
  readonly x: readonly number[] | null;
  readonly y: readonly number[] | null;
  readonly U: number;
  readonly p_less: number;
  readonly p_two_sided: number;
  readonly p_greater: number;
}

interface PipeCdVectors {
  readonly cases: readonly MannWhitneyCase[];
  readonly compare_rule: {
    readonly cases: readonly {
      readonly name: string;
      readonly experiment: readonly number[] | null;
      readonly control: readonly number[] | null;
      readonly deviation: Deviation;
      readonly acceptable: boolean;
      readonly error?: boolean;
    }[];
  };
}

const scorer = readVectors<{ cases: Scored[] }>('kayenta-scorer.json');
const adversarial = readVectors<{ cases: Adversarial[] }>('kayenta-issue-adversarial.json');
const pipeCd = readVectors<PipeCdVectors>('pipecd-gomoremath-mwu.json');
const sampleRatio = readVectors<{
  cases: { observed: number[]; weights: number[]; chi2: number; p: number }[];
}>('srm.json');

describeWith(scorer, "Kayenta's score", ({ cases }) => {
  it.each(cases.map((scored) => [scored.name, scored] as const))('%s', (_name, scored) => {
    // Published with two decimals.
    expect(Math.abs(canaryScore(scored.metrics, scored.groupWeights) - scored.summaryScore)).toBeLessThan(0.005);
  });
});

describeWith(adversarial, "Kayenta's judge on data of its issues", ({ cases }) => {
  it.each(cases.map((found) => [found.ref, found] as const))('%s', (_ref, found) => {
    const { experiment, control, params } = found;
    const interval = answered(mannWhitneyInterval(experiment, control, params.confLevel));
    const [low, high, estimate] = found.replica_ci_est;
    expect(interval.low).toBeCloseTo(low, 12);
    expect(interval.high).toBeCloseTo(high, 12);
    expect(interval.estimate).toBeCloseTo(estimate, 12);
    const [allowedDecrease, allowedIncrease] = params.effectSizeThresholds;
    expect(
      classifyMetric(experiment, control, {
        direction: 'either',
        confidence: params.confLevel,
        tolerance: params.tolerance,
        allowedDecrease,
        allowedIncrease,
      }),
    ).toBe(found.replica_verdict);
  });
});

describeWith(pipeCd, "PipeCD's Mann-Whitney test", ({ cases, compare_rule }) => {
  const first = Array.from({ length: 500 }, (_, i) => 2 * i);
  const second = Array.from({ length: 600 }, (_, i) => 2 * i - 41);
  const large: Readonly<Record<string, readonly number[]>> = {
    l1: first,
    l2: second,
    l3: second.map((value, i) => (i < 30 ? (first[i] as number) : value)),
  };

  it.each(cases.map((given) => [`${given.a} against ${given.b}`, given] as const))('%s', (_n, given) => {
    const x = given.x ?? (large[given.a] as readonly number[]);
    const y = given.y ?? (large[given.b] as readonly number[]);
    const test = answered(pipeCdMannWhitney(x, y));
    expect(test.u).toBe(given.U);
    expect(test.pLess).toBeCloseTo(given.p_less, 12);
    expect(test.pGreater).toBeCloseTo(given.p_greater, 12);
    expect(test.pTwoSided).toBeCloseTo(given.p_two_sided, 12);
  });

  it.each(compare_rule.cases.map((given) => [given.name, given] as const))(
    'verdict: %s',
    (_name, { experiment, control, deviation, acceptable, error }) => {
      const verdict = comparePipeCd(experiment ?? [], control ?? [], deviation);
      expect(verdict).toBe(error === true ? 'no-data' : acceptable ? 'acceptable' : 'not-acceptable');
    },
  );
});

describeWith(sampleRatio, 'sample ratio by χ²', ({ cases }) => {
  it.each(cases)('$observed at $weights', ({ observed, weights, chi2, p }) => {
    const test = sampleRatioTest(observed, weights);
    expect(test.statistic).toBeCloseTo(chi2, 9);
    // So far out that only a relative comparison says anything.
    expect(Math.abs(test.p / p - 1)).toBeLessThan(1e-9);
  });
});
