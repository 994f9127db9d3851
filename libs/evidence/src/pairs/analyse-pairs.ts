import type { PairedMetricAnalysis, PairsAnalysis } from '#libs/contracts';
import { rejects } from '#libs/statistics';
import { trusted } from '../analysis/both-variants.js';
import { restsOnAlignment } from '../analysis/consistency.js';
import { readValues } from '../analysis/missing-values.js';
import { verdictOf } from '../analysis/verdict.js';
import { isPreference } from '../catalogue/definition.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import { type Covered, type CoverageReading, readCoverage } from '../fold/coverage.js';
import type { Evidence } from '../fold/evidence.js';
import type { PairEvidence } from '../fold/pair-evidence.js';
import { blindAuc } from '../fold/separation.js';
import type { JudgeContext, Judgement } from '../kinds/method.js';
import { judgeMetric } from '../kinds/metric-evidence.js';
import { firstStage, hardestOf, shareAllowed } from './first-share.js';
import { type PairedEvidence, pairsRouted } from './paired-evidence.js';
import { isPaired, type PairedMetric, pairedMethodOf } from './paired-metric.js';
import { judgedPairs } from './paired-method.js';

/**
 * What the pairs of shadow traffic say of each candidate that has some: verdicts of the metrics that are tested, the share of the traffic that
 * the damage budget allows by them, and the stage that the ramp may begin with.
 */
export function analysePairs(evidence: Evidence, design: EvidenceDesign): readonly PairsAnalysis[] {
  return design.candidates.flatMap((candidate) => {
    const paired = evidence.paired.get(candidate);
    return paired && hasPairs(paired) ? [pairsAnalysis(evidence, design, candidate, paired)] : [];
  });
}

function hasPairs({ complete, halves, withdrawn, repeated }: PairedEvidence): boolean {
  return complete.size > 0 || halves.control + halves.candidate + withdrawn + repeated > 0;
}

function pairsAnalysis(
  evidence: Evidence,
  design: EvidenceDesign,
  candidate: string,
  paired: PairedEvidence,
): PairsAnalysis {
  const context = contextOf(evidence, design, candidate, paired);
  const metrics = design.metrics
    .filter(({ role, test }) => test !== null && (role === 'guardrail' || role === 'objective'))
    .map((metric) => metricAnalysis(metric, { evidence, design, paired, context }));
  const allowsPpm = shareAllowed(metrics, design.sharesPpm);
  return {
    candidate,
    n: pairsRouted(paired),
    halves: { ...paired.halves },
    withdrawn: paired.withdrawn,
    repeated: paired.repeated,
    pixels: {
      ...paired.pixels,
      share: paired.pixels.compared === 0 ? null : paired.pixels.equal / paired.pixels.compared,
    },
    allowsPpm,
    firstStage: firstStage(design.sharesPpm, allowsPpm),
    hardest: hardestOf(metrics),
    metrics,
  };
}

interface Subject {
  readonly evidence: Evidence;
  readonly design: EvidenceDesign;
  readonly paired: PairedEvidence;
  readonly context: JudgeContext;
}

function metricAnalysis(metric: MetricDesign, { evidence, design, paired, context }: Subject): PairedMetricAnalysis {
  const { definition, role } = metric;
  const { alpha, harmAlphas } = design;
  const judged = judgementOf(metric, paired, context);
  const values = readValues(metric, paired.presence, judged, context);
  const judgement = trusted(judged, metric, values);
  const levels = { alpha, harmAlpha: harmAlphas.get(definition.name) ?? alpha };
  const doubt = isJudged(metric) ? blindness(evidence, metric) : 'not-paired';
  const verdict =
    doubt === null
      ? verdictOf(judgement, metric, { evidence, fault: values.fault }, levels)
      : ({ verdict: 'unmeasurable', reason: doubt } as const);
  const { tests, estimates, units } = judgement;
  const { control, candidate, effect } = estimates;
  const budget = (tests?.budget ?? []).map((step) => ({ ...step, nonInferior: rejects(step.lnENonInferior, alpha) }));
  return {
    metric: definition.name,
    role: role === 'objective' ? 'objective' : 'guardrail',
    ...verdict,
    n: units.candidate,
    estimate: { control, candidate, effect },
    scale: definition.scale,
    margin: tests?.margin ?? null,
    lnE: tests && { harmful: tests.harmful, nonInferior: tests.nonInferior, superior: tests.superior },
    budget,
  };
}

function blindness({ separation }: Evidence, metric: MetricDesign): 'scorer-blind' | null {
  return blindAuc(separation) !== null && restsOnAlignment(metric) ? 'scorer-blind' : null;
}

/** Preferences are about pairs by themselves: people's wherever the two pictures come from, a model's of these pairs alone. */
function isJudged(metric: MetricDesign): boolean {
  return isPaired(metric) || isPreference(metric.definition.kind);
}

function judgementOf(metric: MetricDesign, { metrics }: PairedEvidence, context: JudgeContext): Judgement {
  const { name, kind } = metric.definition;
  const ordinary = context.states.get(name) as Parameters<typeof judgeMetric>[0];
  if (isPreference(kind)) return judgeMetric(ordinary ?? null, metric, context);
  if (!isPaired(metric)) return { ...judgedPairs(0, NOTHING), tests: null, missing: 'not-paired' };
  const method = pairedMethodOf(kind as PairedMetric['kind']);
  const state = metrics.get(name);
  if (state === undefined) return { ...judgedPairs(0, NOTHING), tests: null, missing: 'no-data' };
  return method.judge(state, metric, ordinary ?? undefined);
}

const NOTHING = { control: null, candidate: null, effect: null };

function contextOf(
  { pairs }: Evidence,
  { alpha }: EvidenceDesign,
  candidate: string,
  paired: PairedEvidence,
): JudgeContext {
  const { metrics } = pairs.get(candidate) as PairEvidence;
  const n = pairsRouted(paired);
  return {
    alpha,
    states: metrics,
    unitsSeen: () => ({ control: n, candidate: n }),
    coverage: (what) => coverageOf(paired, what),
  };
}

/**
 * Which of the delivered sides were reported or scored. One side of a pair may fail and the other not, so the sides that should have a score
 * are not as many: what is missing is as likely either's as there are such.
 */
function coverageOf({ coverage }: PairedEvidence, what: Covered): CoverageReading {
  const sides = { control: 'control', candidate: 'candidate', propensityOf: () => 0.5 } as const;
  const { answered } = readCoverage(coverage, what, sides);
  const all = answered.control + answered.candidate;
  return readCoverage(coverage, what, { ...sides, given: all === 0 ? 0 : answered.candidate / all });
}
