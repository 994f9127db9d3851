import type { AnalysisHealth, ExperimentAnalysed, MetricAnalysis, Verdict } from '#libs/contracts';
import { rejects } from '#libs/statistics';
import type { EvidenceDesign, MetricDesign } from './design.js';
import type { Evidence } from './evidence.js';
import { healthOf } from './health.js';
import { judgeMetric, type MetricEvidence } from './metric-evidence.js';
import type { Judgement } from './method.js';

/**
 * Why a metric's verdict is what it is.
 * harmful: `worse-than-margin`; superior: `better-than-control`; non-inferior: `within-margin`.
 * undecided: `collecting` (tests run, none has rejected), `no-data`, `baseline` (control's first units are being collected),
 * `only-observed` (the experiment doesn't test it).
 * unmeasurable: `control-tail-infinite` (one in twenty of control's requests never ended: nothing can be slower),
 * `scorer-changed` (scores of two scorers are not compared), `unit-memory-full` (who came before is no longer known).
 */
export const analysisReasons = [
  'worse-than-margin',
  'better-than-control',
  'within-margin',
  'collecting',
  'no-data',
  'baseline',
  'only-observed',
  'control-tail-infinite',
  'scorer-changed',
  'unit-memory-full',
] as const;
export type AnalysisReason = (typeof analysisReasons)[number];

/** What evidence says: an `experiment.analysed.v1` without the name the publisher gives it. */
export type Analysis = Omit<ExperimentAnalysed, 'analysisId' | 'analysedAt'>;

/**
 * Estimates, intervals, e-values and verdicts of every metric and candidate, and the health of the numbers.
 * A function of the evidence, the revision's design and the time (for silence only): replaying the log reproduces it bit for bit.
 */
export function analyse(evidence: Evidence, design: EvidenceDesign, nowMs: number): Analysis {
  const { traffic } = evidence;
  const health = healthOf(evidence, design, nowMs);
  return {
    experiment: design.experiment,
    revision: design.revision,
    epoch: evidence.newestEpoch,
    stage: evidence.newestStage,
    alpha: design.alpha,
    newestEventAt: newestOf(Object.values(evidence.newestAtMs)),
    requests: Object.fromEntries([design.control, ...design.candidates].map((v) => [v, traffic.requests.get(v) ?? 0])),
    units: unitsByVariant(design, health),
    unitsInStage: traffic.epochs.get(evidence.newestEpoch)?.distinct ?? 0,
    metrics: design.candidates.flatMap((candidate) =>
      design.metrics.map((metric, index) => {
        const state = evidence.pairs.get(candidate)?.[index] as MetricEvidence;
        return metricAnalysis(judgeMetric(state, metric, design.alpha), metric, candidate, evidence, design.alpha);
      }),
    ),
    health,
  };
}

function metricAnalysis(
  judgement: Judgement,
  { definition, role }: MetricDesign,
  candidate: string,
  evidence: Evidence,
  alpha: number,
): MetricAnalysis {
  const { tests, units, events } = judgement;
  return {
    metric: definition.name,
    candidate,
    role,
    unit: definition.unit,
    direction: definition.direction,
    ...verdictOf(
      judgement,
      definition.topic === 'image.scored.v1' && evidence.foreignScores > 0,
      evidence.units.refused > 0,
      alpha,
    ),
    n: {
      control: { units: units.control, events: events.control },
      candidate: { units: units.candidate, events: events.candidate },
    },
    estimate: judgement.estimate,
    interval: judgement.interval,
    scale: definition.scale,
    margin: tests?.margin ?? null,
    lnE: tests && { harmful: tests.harmful, nonInferior: tests.nonInferior },
    budget: (tests?.budget ?? []).map((step) => ({ ...step, nonInferior: rejects(step.lnENonInferior, alpha) })),
  };
}

/** Harm wins over everything; "can't say" comes before "fine". */
function verdictOf(
  { tests, missing }: Judgement,
  isScorerChanged: boolean,
  isMemoryFull: boolean,
  alpha: number,
): { verdict: Verdict; reason: AnalysisReason } {
  if (tests && rejects(tests.harmful, alpha)) return { verdict: 'harmful', reason: 'worse-than-margin' };
  if (missing === 'only-observed') return { verdict: 'undecided', reason: missing };
  if (missing === 'control-tail-infinite') return { verdict: 'unmeasurable', reason: missing };
  if (isScorerChanged) return { verdict: 'unmeasurable', reason: 'scorer-changed' };
  if (tests === null) return { verdict: 'undecided', reason: missing ?? 'no-data' };
  // Evidence from before the memory was full stays valid, so what it proved stands.
  if (rejects(tests.superior, alpha)) return { verdict: 'superior', reason: 'better-than-control' };
  if (rejects(tests.nonInferior, alpha)) return { verdict: 'non-inferior', reason: 'within-margin' };
  if (isMemoryFull) return { verdict: 'unmeasurable', reason: 'unit-memory-full' };
  return { verdict: 'undecided', reason: 'collecting' };
}

function unitsByVariant(design: EvidenceDesign, { srm }: AnalysisHealth): Record<string, number> {
  return Object.fromEntries([design.control, ...design.candidates].map((v) => [v, srm.observed[v] ?? 0]));
}

function newestOf(times: readonly (number | null)[]): string | null {
  const newest = Math.max(...times.map((time) => time ?? -Infinity));
  return Number.isFinite(newest) ? new Date(newest).toISOString() : null;
}
