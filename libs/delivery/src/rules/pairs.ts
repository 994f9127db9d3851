import {
  candidatesOf,
  type ExperimentAnalysed,
  type ExperimentSpec,
  type MetricAnalysis,
  MILLION,
  type PairedMetricAnalysis,
  type PairsAnalysis,
  type ShadowStage,
} from '#libs/contracts';
import { provenForPpm } from '../allocation.js';
import { reasonInWords } from '../words/reason.js';

/** A guardrail as pairs judge it: like every other analysis of a metric, its units being pairs. */
export interface PairedJudgement {
  readonly metric: MetricAnalysis;
  readonly pairs: number;
}

/** The guardrail with the strongest proof of harm by pairs; undefined when none is proven harmful. */
export function harmfulByPairs(spec: ExperimentSpec, analysis: ExperimentAnalysed): PairedJudgement | undefined {
  return pairsOf(spec, analysis)
    .flatMap((of) => guardrailsOf(spec, of).map((paired) => metricByPairs(analysis, of.candidate, paired)))
    .filter(({ metric }) => metric.verdict === 'harmful')
    .sort((a, b) => (b.metric.lnE?.harmful ?? 0) - (a.metric.lnE?.harmful ?? 0))[0];
}

/** The guardrails that pairs can't measure, each with the reason. What people do with pictures is in no pair, which is known beforehand. */
export function unmeasurableByPairs(spec: ExperimentSpec, analysis: ExperimentAnalysed): readonly string[] {
  return pairsOf(spec, analysis).flatMap((of) =>
    guardrailsOf(spec, of)
      .filter(({ verdict, reason }) => verdict === 'unmeasurable' && reason !== 'not-paired')
      .map(({ metric, reason }) => `${metric} in the pairs (${reasonInWords(reason)})`),
  );
}

/** Copies of which some have to have come, unless something is wrong with all of them. */
const ENOUGH_COPIES = 100;

/** Whether many requests were to be copied and nothing has come of any. */
export function lacksPairs(spec: ExperimentSpec, analysis: ExperimentAnalysed): boolean {
  if (copiesExpected(spec, analysis) < ENOUGH_COPIES) return false;
  const found = pairsOf(spec, analysis);
  return candidatesOf(spec).some((name) => !found.some(({ candidate }) => candidate === name));
}

/** Copies that control's requests of the revision, all of which came in the shadow, make plausible. */
export function copiesExpected({ shadow, control }: ExperimentSpec, { requests }: ExperimentAnalysed): number {
  return Math.round(((requests[control] ?? 0) * (shadow?.ratePpm ?? 0)) / MILLION);
}

/** Scores come later than answers: so large a part of the pairs that are wanted should have their values. */
const ENOUGH_VALUES = 0.9;
/** What has no values after so many times the pairs that are wanted gets none. */
const LONGEST_WAIT = 1.5;

/** Whether the pairs that were wanted are there, of every candidate, and judged. */
export function isShadowDone({ shadow, ...spec }: ExperimentSpec, analysis: ExperimentAnalysed): boolean {
  if (shadow === undefined) return false;
  const found = pairsOf(spec, analysis);
  return found.length === candidatesOf(spec).length && found.every((of) => isComplete(shadow, of, spec));
}

function isComplete({ pairs }: ShadowStage, of: PairsAnalysis, spec: Pick<ExperimentSpec, 'guardrails'>): boolean {
  if (of.n < pairs || of.n >= LONGEST_WAIT * pairs) return of.n >= pairs;
  return guardrailsOf(spec, of).every(({ n, reason }) => reason === 'not-paired' || n >= ENOUGH_VALUES * pairs);
}

/** The stage that the pairs of every candidate allow, and the guardrail that was hardest to prove for its share; null where nothing is proven. */
export interface AllowedByPairs {
  readonly stage: number;
  readonly proof: (PairedJudgement & { readonly lnE: number; readonly provenForPpm: number }) | null;
}

/** Where the ramp may begin by the damage budget; at its first stage where the pairs prove nothing. Never with all of the traffic, or with its bake. */
export function allowedByPairs(spec: ExperimentSpec, analysis: ExperimentAnalysed): AllowedByPairs {
  const found = pairsOf(spec, analysis);
  for (let stage = spec.ramp.stages.length - 1; stage >= 0; stage -= 1) {
    const sharePpm = provenForPpm(spec, stage);
    const isAllowed = ({ allowsPpm, firstStage }: PairsAnalysis): boolean =>
      sharePpm <= allowsPpm && stage <= firstStage.stage;
    if (sharePpm === MILLION || !found.every(isAllowed)) continue;
    // Of every candidate: one without pairs has no proof.
    const proof = hardestProof(spec, analysis, sharePpm);
    if (proof !== null) return { stage, proof };
  }
  return { stage: 0, proof: null };
}

/** What the specification guards counts: a guardrail that is missing among the pairs' metrics proves nothing. */
function hardestProof(spec: ExperimentSpec, analysis: ExperimentAnalysed, sharePpm: number): AllowedByPairs['proof'] {
  const proofs = pairsOf(spec, analysis).flatMap((of) =>
    guardrailsOf(spec, of).flatMap((paired) => {
      const step = paired.budget.find((entry) => entry.sharePpm === sharePpm && entry.nonInferior);
      const judged = metricByPairs(analysis, of.candidate, paired);
      return step ? [{ ...judged, lnE: step.lnENonInferior, provenForPpm: sharePpm }] : [];
    }),
  );
  if (proofs.length < spec.guardrails.length * candidatesOf(spec).length) return null;
  return proofs.sort((a, b) => a.lnE - b.lnE)[0] ?? null;
}

/** Complete pairs, of the candidate that has fewest. */
export function completePairs(
  spec: Pick<ExperimentSpec, 'variants' | 'control' | 'baseline'>,
  analysis: ExperimentAnalysed,
): number {
  return Math.min(
    ...candidatesOf(spec).map((name) => analysis.pairs?.find(({ candidate }) => candidate === name)?.n ?? 0),
  );
}

/** Of the revision's candidates, those that have pairs. */
function pairsOf(
  spec: Pick<ExperimentSpec, 'variants' | 'control' | 'baseline'>,
  { pairs = [] }: ExperimentAnalysed,
): readonly PairsAnalysis[] {
  const candidates = candidatesOf(spec);
  return pairs.filter(({ candidate }) => candidates.includes(candidate));
}

function guardrailsOf(
  { guardrails }: Pick<ExperimentSpec, 'guardrails'>,
  { metrics }: PairsAnalysis,
): readonly PairedMetricAnalysis[] {
  return guardrails.flatMap(({ metric: name }) => metrics.find(({ metric }) => metric === name) ?? []);
}

/** What is said of the metric itself, its kind and its unit, comes from the analysis of what was drawn, which has every metric from the start. */
export function metricByPairs(
  { metrics }: ExperimentAnalysed,
  candidate: string,
  { n, metric, ...paired }: PairedMetricAnalysis,
): PairedJudgement {
  const drawn = metrics.find((found) => found.metric === metric && found.candidate === candidate);
  const sample = { units: n, events: n };
  return {
    pairs: n,
    metric: {
      metric,
      candidate,
      ...(drawn?.kind === undefined ? {} : { kind: drawn.kind }),
      unit: drawn?.unit ?? '',
      direction: drawn?.direction ?? 'lower',
      ...(drawn?.harmAlpha === undefined ? {} : { harmAlpha: drawn.harmAlpha }),
      n: { control: sample, candidate: sample },
      interval: null,
      ...paired,
    },
  };
}
