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
  const { kind, value } = limit;
  const { control, candidate } = evidence ?? { control: initialLimit(), candidate: initialLimit() };
  return { limit: { kind, value, control: readingOf(control, alpha), candidate: readingOf(candidate, alpha) } };
}

/** What is beyond the limit now is not called within, however long it was. */
function readingOf(evidence: LimitEvidence, alpha: number): LimitReading {
  const { lnEBeyond, lnEWithin, isBrokenNow } = readLimit(evidence);
  const verdict = rejects(lnEBeyond, alpha)
    ? 'beyond'
    : rejects(lnEWithin, alpha) && !isBrokenNow
      ? 'within'
      : 'undecided';
  return { verdict, isBrokenNow, units: evidence.n, lnE: { beyond: lnEBeyond, within: lnEWithin } };
}
