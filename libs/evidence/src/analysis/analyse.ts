import type { AnalysisHealth, ExperimentAnalysed, MetricAnalysis } from '#libs/contracts';
import { anytimeP, type Arm, countOfVotes, rejects } from '#libs/statistics';
import { canDecide } from '../catalogue/definition.js';
import { type CoverageReader, coverageReader } from '../fold/coverage.js';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import type { Draws } from '../fold/draws.js';
import type { Evidence } from '../fold/evidence.js';
import { drawsOf, underEpoch } from '../fold/traffic.js';
import { trusted } from './both-variants.js';
import { forecastOf } from './forecast.js';
import { limitAnalysis } from './limits.js';
import { readValues, type ValueReading } from './missing-values.js';
import { doubtOf } from './consistency.js';
import { trustOf } from './trust.js';
import { type Levels, type MetricVerdict, verdictOf } from './verdict.js';
import type { JudgeContext, Judgement, Estimates, Tests } from '../kinds/method.js';
import { judgeMetric, type MetricEvidence, readObjective } from '../kinds/metric-evidence.js';
import { type Gain, gainOf, paretoPlaces, utilityOf } from './objectives/index.js';
import { headDesign, type PairEvidence } from '../fold/pair-evidence.js';
import { analysePairs } from '../pairs/analyse-pairs.js';

/** What evidence says: an `experiment.analysed.v1` without the name the publisher gives it. */
export type Analysis = Omit<ExperimentAnalysed, 'analysisId' | 'analysedAt'>;

/**
 * Estimates, intervals, e-values and verdicts of every metric and candidate, and the health of the numbers.
 * A function of the evidence, the revision's design and the time (for silence only): replaying the log reproduces it bit for bit.
 */
export function analyse(evidence: Evidence, design: EvidenceDesign, nowMs: number): Analysis {
  const { traffic } = evidence;
  const subject = { evidence, design, draws: drawsOf(traffic), coverageOf: coverageReader(evidence, design.control) };
  const health = trustOf(subject, nowMs);
  const metrics = design.candidates.flatMap((candidate) => pairAnalyses(subject, candidate, health));
  return {
    experiment: design.experiment,
    revision: design.revision,
    ...(design.policy > 0 ? { policy: design.policy } : {}),
    epoch: evidence.newestEpoch,
    stage: evidence.newestStage,
    alpha: design.alpha,
    newestEventAt: newestOf(Object.values(evidence.newestAtMs)),
    requests: Object.fromEntries(design.variants.map((v) => [v, traffic.requests.get(v) ?? 0])),
    units: unitsByVariant(design, health),
    unitsInStage: underEpoch(traffic, evidence.newestEpoch)?.distinct ?? 0,
    metrics,
    ...judgementsOf(evidence, design),
    ...shadowOf(evidence, design),
    ...objectivesOf(subject),
    ...whatIsToCome(evidence, design, metrics),
    health: { ...health, shift: shiftHealth(design, metrics) },
  };
}

/** What is analysed. */
interface Subject {
  readonly evidence: Evidence;
  readonly design: EvidenceDesign;
  readonly draws: Draws;
  readonly coverageOf: CoverageReader;
}

function whatIsToCome(
  evidence: Evidence,
  design: EvidenceDesign,
  metrics: readonly MetricAnalysis[],
): Pick<Analysis, 'forecast'> {
  const forecast = forecastOf(evidence, design, metrics);
  return forecast === undefined ? {} : { forecast };
}

/** Of every candidate, once one of them was judged. */
function judgementsOf({ pairs }: Evidence, { candidates, judged }: EvidenceDesign): Pick<Analysis, 'judgements'> {
  const [metric] = judged;
  if (metric === undefined) return {};
  const counted = candidates.map((candidate) => {
    const state = pairs.get(candidate)?.metrics.get(metric.definition.name);
    return [candidate, state?.kind === 'preference' ? countOfVotes(state.votes) : 0] as const;
  });
  return counted.some(([, votes]) => votes > 0) ? { judgements: Object.fromEntries(counted) } : {};
}

function shadowOf(evidence: Evidence, design: EvidenceDesign): Pick<Analysis, 'pairs'> {
  const pairs = analysePairs(evidence, design);
  return pairs.length === 0 ? {} : { pairs: [...pairs] };
}

/**
 * What the objectives say together; nothing where there are none. Each is read at level α ÷ (objectives · candidates), so that all
 * intervals hold at once: the chance that a candidate wins wrongly is at most α however many take part.
 */
function objectivesOf(subject: Subject): Pick<Analysis, 'objectives'> {
  const { design } = subject;
  const { objectives, rope } = design;
  if (objectives.length === 0) return {};
  const gains = new Map(design.candidates.map((candidate) => [candidate, gainsOf(subject, candidate)]));
  return {
    objectives: {
      rope,
      candidates: [...gains].map(([candidate, of]) => ({ candidate, utility: utilityOf(of, rope), gains: [...of] })),
      pareto: paretoPlaces(design.control, gains).map((place) => ({
        ...place,
        surelyDominatedBy: [...place.surelyDominatedBy],
      })),
    },
  };
}

function gainsOf(subject: Subject, candidate: string): readonly Gain[] {
  const { evidence, design } = subject;
  const { metrics, presence } = evidence.pairs.get(candidate) as PairEvidence;
  const alpha = design.alpha / (design.objectives.length * design.candidates.length);
  const context = { ...contextOf(subject, candidate, metrics), alpha };
  return design.objectives.flatMap(({ metric: name, weight }) => {
    const metric = design.metrics.find(({ definition }) => definition.name === name);
    if (!metric) return [];
    const { direction, scale } = metric.definition;
    const state = metrics.get(name) ?? null;
    const { fault } = readValues(metric, presence, judgeMetric(state, metric, context), context);
    return gainOf({
      metric: name,
      weight,
      direction,
      scale,
      isShare: metric.definition.kind === 'rate',
      ...readObjective(state, metric, context),
      ...(fault === null ? {} : { effect: null, interval: null }),
    });
  });
}

/** All metrics of one candidate: those of the design, then the quality heads that were found. */
function pairAnalyses(subject: Subject, candidate: string, { consistency }: AnalysisHealth): readonly MetricAnalysis[] {
  const { evidence, design } = subject;
  const { metrics, heads, limits, presence, cold } = evidence.pairs.get(candidate) as PairEvidence;
  const context = contextOf(subject, candidate, metrics);
  const found = [...heads.keys()].sort().map((head) => [headDesign(head), heads.get(head) ?? null] as const);
  const named = design.metrics.map((metric) => [metric, metrics.get(metric.definition.name) ?? null] as const);
  return [...named, ...found].map(([metric, state]) => {
    const { alpha, harmAlphas } = design;
    const levels = { alpha, harmAlpha: harmAlphas.get(metric.definition.name) ?? alpha };
    const judged = judgeMetric(state, metric, context);
    const values = readValues(metric, presence, judged, context);
    const judgement = trusted(judged, metric, values);
    const doubt = doubtOf(metric, candidate, design.control, consistency?.findings ?? []);
    const verdict: MetricVerdict =
      doubt === null
        ? verdictOf(judgement, metric, { evidence, fault: values.fault }, levels)
        : { verdict: 'unmeasurable', reason: doubt };
    return {
      ...metricAnalysis(judgement, metric, verdict, { candidate, ...levels }),
      ...(doubt === null ? limitAnalysis(metric, limits.get(metric.definition.name), alpha) : {}),
      ...shown(values),
      ...coldValues(cold.get(metric.definition.name)),
    };
  });
}

/** Absent where nothing is known, as in analyses of before. */
function shown({ share }: ValueReading): Pick<MetricAnalysis, 'withValue'> {
  return share.control === null && share.candidate === null ? {} : { withValue: share };
}

function coldValues(cold: Readonly<Record<Arm, number>> | undefined): Pick<MetricAnalysis, 'warmUp'> {
  return cold ? { warmUp: { ...cold } } : {};
}

function contextOf(
  { evidence: { seenBefore }, design: { alpha, control }, draws: { firstSeen }, coverageOf }: Subject,
  candidate: string,
  states: ReadonlyMap<string, MetricEvidence>,
): JudgeContext {
  const unitsSeen = { control: firstSeen.get(control) ?? 0, candidate: firstSeen.get(candidate) ?? 0 };
  return {
    alpha,
    states,
    unitsSeen: (metric) => {
      const before = seenBefore.get(metric);
      if (before === undefined) return unitsSeen;
      return {
        control: unitsSeen.control - (before.get(control) ?? 0),
        candidate: unitsSeen.candidate - (before.get(candidate) ?? 0),
      };
    },
    coverage: (what) => coverageOf(candidate, what),
  };
}

function metricAnalysis(
  judgement: Judgement,
  metric: MetricDesign,
  { verdict, reason }: MetricVerdict,
  { candidate, alpha, harmAlpha }: { readonly candidate: string } & Levels,
): MetricAnalysis {
  const { definition, role } = metric;
  const { tests, shift, units, events } = judgement;
  const burnIn = burnInOf(metric, units);
  const estimates = burnIn.done ? judgement.estimates : withoutInterval(judgement.estimates);
  return {
    metric: definition.name,
    candidate,
    role,
    kind: definition.kind,
    unit: definition.unit,
    direction: definition.direction,
    verdict,
    reason,
    n: {
      control: { units: units.control, events: events.control },
      candidate: { units: units.candidate, events: events.candidate },
    },
    ...leftOutOf(judgement),
    estimate: { control: estimates.control, candidate: estimates.candidate, effect: estimates.effect },
    interval: estimates.interval,
    scale: definition.scale,
    margin: tests?.margin ?? null,
    ...evidenceFor(tests, shift),
    ...(harmAlpha === alpha ? {} : { harmAlpha }),
    ...(tests?.clipped ? { clipped: tests.clipped } : {}),
    budget: (tests?.budget ?? []).map((step) => ({ ...step, nonInferior: rejects(step.lnENonInferior, alpha) })),
    burnIn,
    missing: {
      effect: estimates.noEffect,
      interval: estimates.noInterval,
      evidence: tests === null && shift === null ? reason : null,
    },
  };
}

/** Absent where nothing was left out, as in analyses of before. */
function leftOutOf({ leftOut }: Judgement): Pick<MetricAnalysis, 'leftOut'> {
  return leftOut === undefined || leftOut.control + leftOut.candidate === 0 ? {} : { leftOut: { ...leftOut } };
}

/** A shift is evidence of a difference and of nothing else: what it can't prove stays at E = 1. */
function evidenceFor(tests: Tests | null, shift: number | null): Pick<MetricAnalysis, 'lnE' | 'p'> {
  if (tests === null && shift === null) return { lnE: null, p: null };
  const lnE = {
    harmful: tests?.harmful ?? shift ?? 0,
    nonInferior: tests?.nonInferior ?? 0,
    superior: tests?.superior ?? 0,
  };
  return {
    lnE,
    p: {
      harmful: anytimeP(lnE.harmful),
      nonInferior: anytimeP(lnE.nonInferior),
      superior: anytimeP(lnE.superior),
    },
  };
}

function burnInOf({ definition }: MetricDesign, units: Judgement['units']): NonNullable<MetricAnalysis['burnIn']> {
  const fewer = Math.min(units.control, units.candidate);
  return { units: fewer, needed: definition.burnInUnits, done: fewer >= definition.burnInUnits };
}

function withoutInterval(estimates: Estimates): Estimates {
  return { ...estimates, interval: null, noInterval: estimates.noEffect ?? 'burn-in' };
}

/** What the watched shifts say together: a warning about the whole, whatever the direction. */
function shiftHealth(design: EvidenceDesign, metrics: readonly MetricAnalysis[]): NonNullable<AnalysisHealth['shift']> {
  const isWatched = design.metrics.some(({ definition, role }) => role === 'watched' && !canDecide(definition.kind));
  const found = metrics.filter(({ reason }) => reason === 'shift-found').map(({ metric }) => metric);
  const status = !isWatched ? 'not-watched' : found.length > 0 ? 'found' : 'none-found';
  return { status, metrics: [...new Set(found)] };
}

function unitsByVariant(design: EvidenceDesign, { srm }: AnalysisHealth): Record<string, number> {
  return Object.fromEntries(design.variants.map((v) => [v, srm.observed[v] ?? 0]));
}

function newestOf(times: readonly (number | null)[]): string | null {
  const newest = Math.max(...times.map((time) => time ?? -Infinity));
  return Number.isFinite(newest) ? new Date(newest).toISOString() : null;
}
