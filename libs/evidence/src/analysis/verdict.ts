import type { Verdict } from '#libs/contracts';
import { rejects } from '#libs/statistics';
import { canDecide } from '../catalogue/definition.js';
import type { MetricDesign } from '../catalogue/evidence-design.js';
import type { Evidence } from '../fold/evidence.js';
import type { Judgement, Tests } from '../kinds/method.js';
import { haveBothValues } from './both-variants.js';
import type { ValueFault } from './missing-values.js';
import type { AnalysisReason } from './reasons.js';

/** What is said of a metric and candidate, and why. */
export interface MetricVerdict {
  readonly verdict: Verdict;
  readonly reason: AnalysisReason;
}

/** What has to be exceeded: E ≥ 1/α. Harm may have a stricter level, where the experiment shares one α between its guardrails. */
export interface Levels {
  readonly alpha: number;
  readonly harmAlpha: number;
}

/** Harm wins over everything; "can't say" comes before "fine". */
export function verdictOf(
  judgement: Judgement,
  metric: MetricDesign,
  { evidence, fault }: { readonly evidence: Evidence; readonly fault: ValueFault | null },
  { alpha, harmAlpha }: Levels,
): MetricVerdict {
  const { tests, shift, missing, special } = judgement;
  const { definition, role } = metric;
  if (tests && rejects(tests.harmful, harmAlpha)) return { verdict: 'harmful', reason: 'worse-than-margin' };
  if (missing === 'only-observed' || missing === 'not-watched') return { verdict: 'undecided', reason: missing };
  const isDecisive = role === 'guardrail' || role === 'objective';
  if (isDecisive && !canDecide(definition.kind)) return { verdict: 'unmeasurable', reason: 'cannot-decide' };
  if (missing === 'no-denominator') return { verdict: 'unmeasurable', reason: missing };
  const read = metric.parts?.map((part) => part.definition) ?? [definition];
  const isScorerChanged = evidence.foreignScores > 0 && read.some(({ topic }) => topic === 'image.scored.v1');
  if (isScorerChanged) return { verdict: 'unmeasurable', reason: 'scorer-changed' };
  if (fault !== null) return { verdict: 'unmeasurable', reason: fault };
  if (shift !== null) return { verdict: 'undecided', reason: rejects(shift, alpha) ? 'shift-found' : 'no-shift-found' };
  if (missing === 'zero-control' || missing === 'control-tail-infinite') {
    // Whether the candidate is better needs no margin.
    const isBetter = tests !== null && rejects(tests.superior, alpha);
    return isBetter
      ? { verdict: 'superior', reason: 'better-than-control' }
      : { verdict: 'unmeasurable', reason: missing };
  }
  if (tests === null) return { verdict: 'undecided', reason: missing ?? 'no-data' };
  if (!haveBothValues(judgement, metric)) return { verdict: 'undecided', reason: 'one-variant' };
  // Evidence from before the memory was full stays valid, so what it proved stands.
  if (rejects(tests.superior, alpha)) return { verdict: 'superior', reason: 'better-than-control' };
  if (rejects(tests.nonInferior, alpha)) return { verdict: 'non-inferior', reason: whyWithin(special) };
  if (evidence.units.refused > 0) return { verdict: 'unmeasurable', reason: 'unit-memory-full' };
  return { verdict: 'undecided', reason: whyUndecided(tests, harmAlpha) };
}

function whyUndecided({ harmWithin, isBeyondBounds, isMarginOutdated }: Tests, harmAlpha: number): AnalysisReason {
  if (harmWithin !== undefined && rejects(harmWithin, harmAlpha)) return 'made-up-for-beyond-bounds';
  if (isBeyondBounds === true) return 'tail-beyond-bounds';
  return isMarginOutdated === true ? 'control-below-baseline' : 'collecting';
}

function whyWithin(special: Judgement['special']): AnalysisReason {
  return special === 'both-zero' || special === 'none-beyond' ? special : 'within-margin';
}
