import { expect, it } from 'vitest';
import { describeWith, readVectors, type Vector } from '#libs/testing/figures';
import type { Arm } from '../arm.js';
import { bet, initialBetting, lnEHarmful, lnENonInferior } from './betting.js';
import { hit, initialTilt, lnELessOften, lnEMoreOften } from './tilt.js';

describeWith(
  readVectors<Vector[]>('e-processes.json'),
  'reference vectors of the e-processes that decide',
  (vectors) => {
    it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', (id, { inputs, expected, tolerance }) => {
      const wanted = expected as { ln_e_harmful: number; ln_e_non_inferior: number };
      const reached = id.startsWith('tilt') ? tilted(inputs) : betted(inputs);
      expect(Math.abs(reached.harmful - wanted.ln_e_harmful)).toBeLessThan(tolerance);
      expect(Math.abs(reached.nonInferior - wanted.ln_e_non_inferior)).toBeLessThan(tolerance);
    });
  },
);

function tilted(inputs: Vector['inputs']): { harmful: number; nonInferior: number } {
  const { arm, propensity, b0 } = inputs as unknown as { arm: number[]; propensity: number[]; b0: number };
  const state = initialTilt();
  arm.forEach((flag, i) => hit(state, armOf(flag), propensity[i] as number));
  return { harmful: lnEMoreOften(state, b0), nonInferior: lnELessOften(state, b0) };
}

function betted(inputs: Vector['inputs']): { harmful: number; nonInferior: number } {
  const { arm, propensity, x, lo, hi, margin } = inputs as unknown as {
    arm: number[];
    propensity: number[];
    x: number[];
    lo: number;
    hi: number;
    margin: number;
  };
  const design = { lo, hi, harmfulAt: [margin], nonInferiorAt: [margin] };
  const state = initialBetting(design);
  arm.forEach((flag, i) => bet(state, design, armOf(flag), propensity[i] as number, x[i] as number));
  return { harmful: lnEHarmful(state, 0), nonInferior: lnENonInferior(state, 0) };
}

function armOf(flag: number): Arm {
  return flag === 1 ? 'candidate' : 'control';
}
