import { asymptoticHalfWidth } from '#libs/statistics';
import type { Estimates } from './method.js';
import type { Method } from './method.js';
import type { CoverageReading } from '../fold/coverage.js';
import { whyNotBoth } from './estimates.js';

/** Coverage is counted with the health of the numbers, which also judges it: as a metric it is shown, and nothing is kept. */
export interface CoverageState {
  readonly kind: 'coverage';
}

export const coverageMethod: Method<CoverageState> = {
  initial: () => ({ kind: 'coverage' }),
  observe: () => undefined,
  merge: (a) => a,

  judge(_state, { role }, { alpha, coverage }) {
    const reading = coverage('scored');
    return {
      estimates: coverageEstimates(reading, alpha),
      units: reading.answered,
      events: reading.covered,
      tests: null,
      shift: role === 'observed' ? null : reading.lnE,
      missing: role === 'observed' ? 'only-observed' : null,
    };
  },

  tuning: () => null,

  encode: () => ({}),
  decode: () => ({ kind: 'coverage' }),
};

function coverageEstimates({ answered, covered }: CoverageReading, alpha: number): Estimates {
  const control = answered.control === 0 ? null : covered.control / answered.control;
  const candidate = answered.candidate === 0 ? null : covered.candidate / answered.candidate;
  if (control === null || candidate === null) {
    const reason = whyNotBoth(answered);
    return { control, candidate, effect: null, interval: null, noEffect: reason, noInterval: reason };
  }
  const effect = candidate - control;
  const variance = (control * (1 - control)) / answered.control + (candidate * (1 - candidate)) / answered.candidate;
  if (variance === 0) return { control, candidate, effect, interval: null, noEffect: null, noInterval: 'no-variance' };
  const halfWidth = asymptoticHalfWidth(Math.sqrt(variance), answered.control + answered.candidate, alpha);
  return {
    control,
    candidate,
    effect,
    interval: { low: effect - halfWidth, high: effect + halfWidth },
    noEffect: null,
    noInterval: null,
  };
}
