import {
  comparedWith,
  type ExperimentSpec,
  type Guardrail,
  marginForShare,
  type MetricAnalysis,
} from '#libs/contracts';
import { comparisonOf } from './comparison.js';
import { longTailWords } from './long-tail.js';
import { number, percentOf } from './numbers.js';

/**
 * Why a guardrail rolls back, e.g. "latency-p95 of candidate is 37 % above control (1 230 ms against 898 ms); allowed is +20 %. Proven
 * worse than allowed, with 95 % confidence after 171 units of candidate (ln E 3.41; 3 needed)."
 *
 * What is proven is that harm is beyond the margin. The interval around the estimate comes from another method, so it is left out.
 * @param pairs of shadow traffic that it is proven by; absent: units of the candidate
 */
export function harmMessage(metric: MetricAnalysis, spec: ExperimentSpec, alpha: number, pairs?: number): string {
  const guardrail = guardrailOf(spec, metric);
  const isAnyHarm = guardrail.rollbackOn === 'any-harm';
  const margin = isAnyHarm ? { kind: guardrail.margin.kind, value: 0 } : guardrail.margin;
  const { estimate, isBeyond, allowed, beyond } = comparisonOf(metric, margin, against(spec, pairs));
  const subject = `${metric.metric} of ${metric.candidate}`;
  const tail = longTailWords(metric, comparedWith(spec));
  const proof = provenHarm(metric, alpha, pairs);
  if (estimate !== null && isBeyond) {
    const limit = isAnyHarm ? 'nothing worse than control is allowed' : `allowed is ${allowed}`;
    return `${subject} is ${estimate}; ${limit}. Proven worse than allowed, ${proof}.${tail}`;
  }
  // Late in a long run the estimate may be back within the margin; what was proven stays so.
  const present = estimate === null ? '' : ` ${whoseEstimate(metric)} ${estimate}.`;
  return `${subject} is ${beyond}: proven worse than allowed, ${proof}.${present}${tail}`;
}

/** What is shown of a tail are units' first values, which harm that began later is not in. */
function whoseEstimate({ kind, n }: MetricAnalysis): string {
  const haveComeBack = n.candidate.events > n.candidate.units;
  return kind === 'upper-tail' && haveComeBack
    ? 'By the first request of each unit alone it is'
    : 'The present estimate is';
}

/** Of the guardrail that was hardest to prove: how it does, within what it is proven to stay, and how well. */
export function weakestMessage(
  {
    weakest,
    lnE,
    provenForPpm,
    pairs,
  }: {
    readonly weakest: MetricAnalysis;
    readonly lnE: number | null;
    readonly provenForPpm: number;
    readonly pairs?: number;
  },
  spec: ExperimentSpec,
  alpha: number,
): string {
  const { margin } = guardrailOf(spec, weakest);
  const forShare = marginForShare(margin, provenForPpm / 1e6);
  const { estimate, beyond } = comparisonOf(weakest, forShare, against(spec, pairs));
  const present = estimate === null ? '' : ` is ${estimate} and`;
  return `Hardest to prove: ${weakest.metric} of ${weakest.candidate}${present} is not ${beyond}, ${proven(weakest, lnE, alpha, pairs)}.${longTailWords(weakest, comparedWith(spec))}`;
}

function guardrailOf({ guardrails, dryRun = [] }: ExperimentSpec, { metric }: MetricAnalysis): Guardrail {
  const found = [...guardrails, ...dryRun].find((guardrail) => guardrail.metric === metric);
  if (!found)
    throw new RangeError(
      `metric "${metric}": expected one of the guardrails ${guardrails.map((g) => g.metric).join(', ')}`,
    );
  return found;
}

/** The original of a pair is always control's, whatever drawn units are compared with. */
function against(spec: ExperimentSpec, pairs: number | undefined): string {
  return pairs === undefined ? comparedWith(spec) : spec.control;
}

/** Harm may have to pass a stricter level than the rest: a share of the experiment's α. */
function provenHarm(metric: MetricAnalysis, alpha: number, pairs?: number): string {
  const { harmAlpha = alpha, lnE } = metric;
  const proof = proven(metric, lnE?.harmful ?? null, harmAlpha, pairs);
  if (harmAlpha === alpha) return proof;
  return `${proof}, at its share of the experiment’s α: ${percentOf(harmAlpha)} of ${percentOf(alpha)}`;
}

/** "with 95 % confidence after 171 units of candidate (ln E 3.41; 3 needed)". */
function proven({ n, candidate }: MetricAnalysis, lnE: number | null, alpha: number, pairs?: number): string {
  const evidence = lnE === null ? '' : ` (ln E ${number(lnE)}; ${number(-Math.log(alpha))} needed)`;
  const seen = pairs === undefined ? `${number(n.candidate.units)} units of ${candidate}` : `${number(pairs)} pairs`;
  return `with ${percentOf(1 - alpha)} confidence after ${seen}${evidence}`;
}
