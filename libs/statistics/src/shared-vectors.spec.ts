import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Arm,
  asymptoticHalfWidth,
  bet,
  hit,
  initialBetting,
  initialScoredTilt,
  initialTilt,
  lnEHarmful,
  lnELessOften,
  lnEMoreOften,
  lnENonInferior,
  lnESampleRatio,
  lnEShift,
  lnRateRatio,
  lnRateRatioInterval,
  lnEDifferent,
  observeScore,
  quantileRanks,
} from './index.js';

interface Vector {
  readonly id: string;
  readonly inputs: Record<string, never>;
  readonly expected: Record<string, never>;
  readonly tolerance: number;
}

const folder = new URL('../../../../shared/vectors/', import.meta.url);

function read<T>(name: string): T | null {
  const file = new URL(name, folder);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}

const eProcesses = read<Vector[]>('e-processes.json');
const statistics = read<Vector[]>('statistics.json');
const vectors = (prefix: string): Vector[] => (statistics ?? []).filter(({ id }) => id.startsWith(prefix));
const armOf = (flag: number): Arm => (flag === 1 ? 'candidate' : 'control');

describe.skipIf(eProcesses === null)('reference vectors of the deciding e-processes', () => {
  for (const { id, inputs, expected, tolerance } of eProcesses ?? []) {
    it(id, () => {
      const { arm, propensity } = inputs as unknown as { arm: number[]; propensity: number[] };
      const reached = id.startsWith('tilt') ? tilted() : betted();
      expect(Math.abs(reached.harmful - (expected['ln_e_harmful'] as number))).toBeLessThan(tolerance);
      expect(Math.abs(reached.nonInferior - (expected['ln_e_non_inferior'] as number))).toBeLessThan(tolerance);

      function tilted() {
        const state = initialTilt();
        arm.forEach((flag, index) => hit(state, armOf(flag), propensity[index] as number));
        const boundary = inputs['b0'] as number;
        return { harmful: lnEMoreOften(state, boundary), nonInferior: lnELessOften(state, boundary) };
      }
      function betted() {
        const { x, lo, hi, margin } = inputs as unknown as { x: number[]; lo: number; hi: number; margin: number };
        const design = { lo, hi, harmfulAt: [margin], nonInferiorAt: [margin] };
        const state = initialBetting(design);
        arm.forEach((flag, i) => bet(state, design, armOf(flag), propensity[i] as number, x[i] as number));
        return { harmful: lnEHarmful(state, 0), nonInferior: lnENonInferior(state, 0) };
      }
    });
  }
});

describe.skipIf(statistics === null)('reference vectors of the other methods', () => {
  it('sample ratio', () => {
    for (const { inputs, expected } of vectors('ssrm-final')) {
      const {
        counts,
        null: shares,
        concentration,
      } = inputs as unknown as { counts: number[]; null: number[]; concentration: number };
      expect(lnESampleRatio(counts, shares, concentration)).toBeCloseTo(expected['log_e'] as number, 9);
    }
  });

  it('asymptotic confidence sequence', () => {
    for (const { inputs, expected } of vectors('asympcs-margin')) {
      const { alpha, t, t_opt } = inputs as unknown as { alpha: number; t: number; t_opt: number };
      const halfWidth = asymptoticHalfWidth(1 / Math.sqrt(t), t, alpha, t_opt);
      expect(halfWidth).toBeCloseTo(expected['two_sided_approx_rho'] as number, 10);
    }
  });

  it('quantile confidence sequence', () => {
    for (const { inputs, expected } of vectors('cs-quantile-ranks')) {
      const { p, t, t_opt, alpha } = inputs as unknown as { p: number; t: number; t_opt: number; alpha: number };
      expect(quantileRanks(p, t, alpha, t_opt)).toEqual({ low: expected['lower_rank'], high: expected['upper_rank'] });
    }
  });

  it('tilt of scores, over a ramp', () => {
    for (const { inputs, expected } of [...vectors('tilt-ramp'), ...vectors('tilt-rank')]) {
      const state = initialScoredTilt();
      const reached = { log_e_greater: [] as number[], log_e_two_sided: [] as number[] };
      for (const [propensity, flag, score] of inputs['events'] as unknown as [number, number, number][]) {
        observeScore(state, armOf(flag), propensity, score);
        reached.log_e_greater.push(lnEShift(state, 'higher'));
        reached.log_e_two_sided.push(lnEShift(state, 'either'));
      }
      for (const side of ['log_e_greater', 'log_e_two_sided'] as const) {
        const wanted = expected[side] as unknown as number[];
        reached[side].forEach((value, index) => expect(value).toBeCloseTo(wanted[index] as number, 9));
      }
    }
  });

  it('rate ratio and its interval', () => {
    for (const { inputs, expected } of vectors('tilt-rr-ci')) {
      const { rho, treatment_events, control_events, alpha } = inputs as unknown as Record<string, number>;
      const state = initialTilt();
      for (let i = 0; i < (treatment_events as number); i++) hit(state, 'candidate', rho as number);
      for (let i = 0; i < (control_events as number); i++) hit(state, 'control', rho as number);
      const interval = lnRateRatioInterval(state, alpha as number);
      const [low, high] = expected['ci_ln_rr'] as unknown as [number, number];
      expect(lnEDifferent(state, 0)).toBeCloseTo(expected['log_e'] as number, 9);
      expect(lnRateRatio(state)).toBeCloseTo(expected['mle_ln_rr'] as number, 9);
      expect(interval?.low).toBeCloseTo(low, 9);
      expect(interval?.high).toBeCloseTo(high, 9);
    }
  });
});
