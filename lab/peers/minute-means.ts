import { UNITS_PER_MINUTE } from './peer-rule.js';

/** One point per variant of a time series: the mean of a minute; null where no value came. */
export interface MinuteMeans {
  readonly control: number | null;
  readonly candidate: number | null;
}

/**
 * Cuts a stream of units into minutes and hands on each minute's means: what a metrics store gives to a canary judge, which
 * sees points of a time series and never single requests. O(1) per unit.
 */
export function minuteMeans(onMinute: (means: MinuteMeans) => void): (isCandidate: boolean, value: number) => void {
  let passed = 0;
  let control = { n: 0, sum: 0 };
  let candidate = { n: 0, sum: 0 };
  return (isCandidate, value) => {
    if (Number.isFinite(value)) {
      const arm = isCandidate ? candidate : control;
      arm.n += 1;
      arm.sum += value;
    }
    passed += 1;
    if (passed < UNITS_PER_MINUTE) return;
    const means = { control: mean(control), candidate: mean(candidate) };
    passed = 0;
    control = { n: 0, sum: 0 };
    candidate = { n: 0, sum: 0 };
    onMinute(means);
  };
}

function mean({ n, sum }: { readonly n: number; readonly sum: number }): number | null {
  return n === 0 ? null : sum / n;
}
