import type { LimitReading, MetricAnalysis } from '#libs/contracts';
import { initialLimit, type LimitEvidence, readLimit, rejects } from '#libs/statistics';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { LimitsOfPair } from '../fold/pair-evidence.js';

/** What each variant's values alone say of the metric's absolute limit; nothing where it has none. */
export function limitAnalysis(
  { limit }: MetricDesign,
  evidence: LimitsOfPair | undefined,
  alpha: number,
): Pick<MetricAnalysis, 'limit'> {
  if (!limit) return {};
  const { kind, value, bets } = limit;
  const { control, candidate } = evidence ?? { control: initialLimit(), candidate: initialLimit() };
  return {
    limit: {
      kind,
      value,
      control: readingOf(control, bets.limit, alpha),
      candidate: readingOf(candidate, bets.limit, alpha),
    },
  };
}

/**
 * What is beyond the limit now is not called within, however long it was. Neither is proven of clipped values where what lies beyond their
 * bounds puts the mean on the other side of the limit, by the estimate: to prove less often leaves a test valid.
 */
function readingOf(evidence: LimitEvidence, limit: number, alpha: number): LimitReading {
  const { isBrokenNow, mean, ...proven } = readLimit(evidence);
  const lnEBeyond = mean.low > limit ? proven.lnEBeyond : Math.min(0, proven.lnEBeyond);
  const lnEWithin = mean.high <= limit ? proven.lnEWithin : Math.min(0, proven.lnEWithin);
  const verdict = rejects(lnEBeyond, alpha)
    ? 'beyond'
    : rejects(lnEWithin, alpha) && !isBrokenNow
      ? 'within'
      : 'undecided';
  return { verdict, isBrokenNow, units: evidence.n, lnE: { beyond: lnEBeyond, within: lnEWithin } };
}
