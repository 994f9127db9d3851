import {
  candidatesOf,
  MILLION,
  type ExperimentAnalysed,
  type ExperimentSpec,
  type MetricAnalysis,
} from '#libs/contracts';

/**
 * The analyses of the guardrails that the revision names, for its candidates only. What the specification says counts, not the
 * role an analysis claims; a guardrail without an analysis is absent here and proves nothing.
 */
export function guardrailAnalyses(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly MetricAnalysis[] {
  return candidatesOf(spec).flatMap((candidate) => guardrailsOf(spec, analysis, candidate));
}

/** Names of guardrails about which the analysis can't say anything, with its reason. */
export function unmeasurableGuardrails(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly string[] {
  return guardrailAnalyses(spec, analysis)
    .filter(({ verdict }) => verdict === 'unmeasurable')
    .map(({ metric, reason }) => `${metric} (${reason})`);
}

export interface ShareProof {
  /** The guardrail that was hardest to prove, and its ln E at the margin for this share. */
  readonly weakest: MetricAnalysis;
  readonly lnE: number | null;
}

/**
 * The damage budget: a share may be given to the candidates when *every* guardrail of *every* candidate is proven non-inferior at
 * margin ÷ share. The hypotheses are nested: a proof for a larger share, or at the margin itself, holds for a smaller one.
 * A guardrail that is missing, undecided or unmeasurable proves nothing.
 */
export function proofForShare(
  spec: ExperimentSpec,
  analysis: ExperimentAnalysed,
  sharePpm: number,
): ShareProof | undefined {
  const judged = guardrailAnalyses(spec, analysis);
  if (judged.length === 0 || judged.length < spec.guardrails.length * candidatesOf(spec).length) return undefined;
  const proofs = judged.map((metric) => ({ weakest: metric, lnE: lnEForShare(metric, sharePpm) }));
  if (!judged.every((metric) => isProven(metric, sharePpm))) return undefined;
  return proofs.sort((a, b) => (a.lnE ?? Infinity) - (b.lnE ?? Infinity))[0];
}

/** Whether every guardrail of one candidate holds at the margin itself. */
export function isSafe(spec: ExperimentSpec, analysis: ExperimentAnalysed, candidate: string): boolean {
  const judged = guardrailsOf(spec, analysis, candidate);
  return judged.length === spec.guardrails.length && judged.every(holdsAtMargin);
}

function guardrailsOf(
  spec: ExperimentSpec,
  analysis: ExperimentAnalysed,
  candidate: string,
): readonly MetricAnalysis[] {
  return spec.guardrails.flatMap(({ metric: name }) => {
    const found = analysis.metrics.find(({ metric, candidate: of }) => metric === name && of === candidate);
    return found ? [found] : [];
  });
}

function isProven(metric: MetricAnalysis, sharePpm: number): boolean {
  if (metric.verdict === 'harmful' || metric.verdict === 'unmeasurable') return false;
  if (holdsAtMargin(metric)) return true;
  if (sharePpm === MILLION) return false;
  return metric.budget.some((step) => step.sharePpm >= sharePpm && step.nonInferior);
}

function holdsAtMargin({ verdict }: MetricAnalysis): boolean {
  return verdict === 'non-inferior' || verdict === 'superior';
}

function lnEForShare(metric: MetricAnalysis, sharePpm: number): number | null {
  const step = metric.budget.find((entry) => entry.sharePpm === sharePpm);
  return sharePpm === MILLION || !step ? (metric.lnE?.nonInferior ?? null) : step.lnENonInferior;
}
