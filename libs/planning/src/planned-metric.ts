/**
 * What is known of a metric before an experiment. Effects and margins count harm: positive is worse for the candidate.
 *
 * - `mean`: values are about normal around control's `mean` with standard deviation `spread` (the candidate's own, if other:
 *   `candidateSpread`); effects and margins in the values' unit. Decided by betting, values clipped 3.6 spreads from the mean, of the wider variant.
 * - `rate`: a bad-event rate with an absolute margin; effects and margins are differences of rates (0.005 is half a percentage point).
 *   Decided by betting on 0/1 values.
 * - `relative-rate`: a bad-event rate with a relative margin, or any harm at all (margin 0);
 *   effects and margins are relative increases of the rate (0.5 is half as many again). Decided by the tilt on bad events.
 * - `lower-tail`: values below control's quantile that leaves `tailShare` below it (0.02: wrong pictures); effects and margins are relative
 *   increases of that share, the same at the far end of the tail. Decided by the tilt, harm by that of {@link lnETailMoreOften}.
 * - `upper-tail`: an upper tail of positive values (latency), about lognormal with `lnSpread` the standard deviation of their logarithms;
 *   effects and margins are relative increases of the values. Decided by the tilt on values above control's quantile that leaves
 *   `tailShare` above it (default 0.05: the 95th percentile).
 */
export type PlannedMetric =
  | { readonly kind: 'mean'; readonly mean: number; readonly spread: number; readonly candidateSpread?: number }
  | { readonly kind: 'rate'; readonly rate: number }
  | { readonly kind: 'relative-rate'; readonly rate: number }
  | { readonly kind: 'lower-tail'; readonly tailShare: number }
  | { readonly kind: 'upper-tail'; readonly lnSpread: number; readonly tailShare?: number };

/** Throws unless the numbers can describe such a metric and a candidate that is worse by `effect`. */
export function expectMetric(metric: PlannedMetric, effect: number): void {
  switch (metric.kind) {
    case 'mean':
      expectNumber('mean', metric.mean, Number.isFinite(metric.mean), 'a finite number');
      expectNumber('spread', metric.spread, metric.spread >= 0 && metric.spread < Infinity, 'a number from 0 on');
      if (metric.candidateSpread !== undefined) {
        const { candidateSpread } = metric;
        expectNumber('candidateSpread', candidateSpread, candidateSpread >= 0 && candidateSpread < Infinity, '≥ 0');
      }
      return expectNumber('effect', effect, Number.isFinite(effect), 'a finite number');
    case 'rate':
      expectNumber('rate', metric.rate, metric.rate >= 0 && metric.rate <= 1, 'a share');
      return expectRate(metric.rate + effect);
    case 'relative-rate':
      expectNumber('rate', metric.rate, metric.rate >= 0 && metric.rate <= 1, 'a share');
      return expectRate(metric.rate * (1 + effect));
    case 'lower-tail':
      expectNumber('tailShare', metric.tailShare, metric.tailShare > 0 && metric.tailShare < 1, 'between 0 and 1');
      return expectRate(metric.tailShare * (1 + effect));
    case 'upper-tail': {
      const tailShare = tailShareOf(metric);
      expectNumber('lnSpread', metric.lnSpread, metric.lnSpread > 0 && metric.lnSpread < Infinity, 'a positive number');
      expectNumber('tailShare', tailShare, tailShare > 0 && tailShare < 1, 'a number between 0 and 1');
      return expectNumber('effect', effect, effect > -1 && effect < Infinity, 'a number above -1');
    }
    default:
      return metric satisfies never;
  }
}

export function tailShareOf(metric: Extract<PlannedMetric, { kind: 'upper-tail' }>): number {
  return metric.tailShare ?? 0.05;
}

/** Throws with the name, the value and what was expected. */
export function expectNumber(name: string, value: number, holds: boolean, expected: string): void {
  if (!holds) throw new RangeError(`${name} ${value}: expected ${expected}`);
}

function expectRate(ofCandidate: number): void {
  expectNumber("candidate's rate", ofCandidate, isShare(ofCandidate), 'a share');
}

/** With room for the rounding of a sum. */
function isShare(value: number): boolean {
  return value >= -1e-12 && value <= 1 + 1e-12;
}
