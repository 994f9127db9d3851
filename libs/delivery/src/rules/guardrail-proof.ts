import {
  candidatesOf,
  MILLION,
  type ExperimentAnalysed,
  type ExperimentSpec,
  type MetricAnalysis,
} from '#libs/contracts';
import { percentOf } from '../words/numbers.js';
import { failsMostly, isWithinLimits } from './limits.js';
import { reasonInWords, waysOut } from '../words/reason.js';

/**
 * The analyses of the guardrails that the revision names, for its candidates only. What the specification says counts, not the
 * role an analysis claims; a guardrail without an analysis is absent here and proves nothing.
 */
export function guardrailAnalyses(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly MetricAnalysis[] {
  return candidatesOf(spec).flatMap((candidate) => guardrailsOf(spec, analysis, candidate));
}

/** The guardrails that the analysis cannot measure, each reason once with the names it is about and what helps. */
export function unmeasurableGuardrails(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly string[] {
  const namesBy = new Map<string, Set<string>>();
  for (const analysed of guardrailAnalyses(spec, analysis)) {
    const { metric, reason, verdict } = analysed;
    if (verdict !== 'unmeasurable') continue;
    const why = `${reasonInWords(reason)}${sharesWithValue(spec, analysed)}${wayOutOf(reason)}`;
    namesBy.set(why, (namesBy.get(why) ?? new Set()).add(metric));
  }
  return [...namesBy].map(([why, names]) => `${[...names].join(' and ')} (${why})`);
}

function wayOutOf(reason: string): string {
  const wayOut = waysOut[reason];
  return wayOut === undefined ? '' : `; what helps: ${wayOut}`;
}

function sharesWithValue({ control }: ExperimentSpec, { reason, candidate, withValue }: MetricAnalysis): string {
  const { control: ofControl = null, candidate: ofCandidate = null } = withValue ?? {};
  if (reason !== 'missing-more-often' || ofControl === null || ofCandidate === null) return '';
  return `: ${percentOf(ofCandidate)} of the units of ${candidate} have one, ${percentOf(ofControl)} of ${control}’s`;
}

/** That a share may be given to the candidates. */
export interface ShareProof {
  /** The guardrail that was hardest to prove. */
  readonly weakest: MetricAnalysis;
  /** Its ln E at the margin that it was proven for: margin ÷ `provenForPpm`. */
  readonly lnE: number | null;
  /** The share asked for, or a larger one, which proves more. */
  readonly provenForPpm: number;
}

/**
 * The damage budget: a share may be given to the candidates when *every* guardrail of *every* candidate is proven non-inferior at
 * margin ÷ share. The hypotheses are nested: a proof for a larger share, or at the margin itself, holds for a smaller one.
 * All traffic needs the candidate proven within every absolute limit as well. A guardrail that is missing, undecided or unmeasurable proves nothing.
 */
export function proofForShare(
  spec: ExperimentSpec,
  analysis: ExperimentAnalysed,
  sharePpm: number,
): ShareProof | undefined {
  const judged = guardrailAnalyses(spec, analysis);
  if (judged.length === 0 || judged.length < spec.guardrails.length * candidatesOf(spec).length) return undefined;
  const proofs: ShareProof[] = [];
  for (const metric of judged) {
    const proof = proofOf(metric, sharePpm);
    if (!proof) return undefined;
    proofs.push(proof);
  }
  if (sharePpm === MILLION && !candidatesOf(spec).every((candidate) => mayHaveAll(spec, analysis, candidate))) {
    return undefined;
  }
  return proofs.sort((a, b) => (a.lnE ?? Infinity) - (b.lnE ?? Infinity))[0];
}

/** Whether every guardrail of one candidate holds at the margin itself. */
export function isSafe(spec: ExperimentSpec, analysis: ExperimentAnalysed, candidate: string): boolean {
  const judged = guardrailsOf(spec, analysis, candidate);
  const holds = judged.length === spec.guardrails.length && judged.every(holdsAtMargin);
  return holds && mayHaveAll(spec, analysis, candidate);
}

/** What all traffic takes beside the guardrails: the candidate works at all, whatever control does. */
function mayHaveAll(spec: ExperimentSpec, analysis: ExperimentAnalysed, candidate: string): boolean {
  return isWithinLimits(spec, analysis, candidate) && !failsMostly(analysis, candidate);
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

/** The proof for the smallest share that is large enough; the margin itself is the proof for everything. */
function proofOf(metric: MetricAnalysis, sharePpm: number): ShareProof | undefined {
  if (metric.verdict === 'harmful' || metric.verdict === 'unmeasurable') return undefined;
  const step = metric.budget
    .filter((entry) => sharePpm < MILLION && entry.sharePpm >= sharePpm && entry.nonInferior)
    .sort((a, b) => a.sharePpm - b.sharePpm)[0];
  if (step) return { weakest: metric, lnE: step.lnENonInferior, provenForPpm: step.sharePpm };
  if (!holdsAtMargin(metric)) return undefined;
  const { nonInferior, superior = -Infinity } = metric.lnE ?? { nonInferior: null };
  // Better than control is within any margin, whichever of the two tests was the first to say so.
  const lnE = nonInferior !== null && metric.verdict === 'superior' ? Math.max(nonInferior, superior) : nonInferior;
  return { weakest: metric, lnE, provenForPpm: MILLION };
}

function holdsAtMargin({ verdict }: MetricAnalysis): boolean {
  return verdict === 'non-inferior' || verdict === 'superior';
}
