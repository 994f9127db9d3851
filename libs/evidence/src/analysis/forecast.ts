import { type Margin, type MetricAnalysis, MILLION, type ProofForecast } from '#libs/contracts';
import { type PlannedMetric, proofGrowth, type ProofGrowth, unitsToPromotion } from '#libs/planning';
import { normalUpperQuantile } from '#libs/statistics';
import type { EvidenceDesign, MetricDesign } from '../catalogue/evidence-design.js';
import type { Evidence } from '../fold/evidence.js';
import type { PairEvidence } from '../fold/pair-evidence.js';
import type { MetricEvidence } from '../kinds/metric-evidence.js';
import { quantileOf } from '../kinds/ordered-values.js';
import { mostExposedCell } from '../kinds/values-by-propensity.js';

/** Control units before a quantile says anything about a spread. */
const SMALLEST_SAMPLE = 50;
/** The quantiles that a spread is read from. */
const MIDDLE = 0.5;
const UPPER = 0.9;
const MOST_KEPT = 500;

/**
 * What is still to come until an equal candidate is promoted, by the arithmetic of `plan` on what has been seen: laws from control's own
 * numbers, evidence as it stands. Undefined where there is no ramp to climb (an ab test, a candidate that has everything), and before anything
 * is known of any guardrail.
 */
export function forecastOf(
  evidence: Evidence,
  design: EvidenceDesign,
  metrics: readonly MetricAnalysis[],
): ProofForecast | undefined {
  const [candidate, ...others] = design.candidates;
  const { kind, sharesPpm } = design;
  const ladderPpm = sharesPpm.slice(evidence.newestStage).filter((ppm) => ppm < MILLION);
  if (kind !== 'canary' || candidate === undefined || others.length > 0 || ladderPpm.length === 0) return undefined;
  const pair = evidence.pairs.get(candidate);
  const guardrails = design.metrics.filter(({ role }) => role === 'guardrail');
  const known = guardrails.flatMap((metric) => {
    const { name } = metric.definition;
    const analysis = metrics.find((one) => one.metric === name && one.candidate === candidate);
    const planned = analysis && pair && plannedOf(metric, pair, analysis);
    if (!planned) return [];
    const growth = growthOf(planned, ladderPpm, design.hasEqualBaseline);
    return [{ name, growth, lnE: reachedBy(analysis, evidence.newestStage, ladderPpm.length) }];
  });
  const unknown = guardrails.filter(({ definition }) => !known.some(({ name }) => name === definition.name));
  const first = unitsOfBaseline(unknown, design, metrics, (ladderPpm[0] as number) / MILLION);
  if (known.length === 0 && first.units === 0) return undefined;
  const { units, hardest } = unitsToPromotion(known, design.alpha);
  return {
    units: Number.isFinite(units) ? Math.ceil(Math.max(units, first.units)) : null,
    hardest: first.units > units ? first.hardest : hardest,
    unknown: unknown.map(({ definition }) => definition.name),
  };
}

/** Reasons for which control itself is not known yet. */
const NOT_MEASURED: ReadonlySet<string> = new Set(['baseline', 'no-data', 'open-windows']);

/** What is not known yet has to be measured first: units of both variants until control has had enough of them. */
function unitsOfBaseline(
  unknown: readonly MetricDesign[],
  { baselineUnitsOverall, hasEqualBaseline }: EvidenceDesign,
  metrics: readonly MetricAnalysis[],
  share: number,
): { readonly units: number; readonly hardest: string | null } {
  const left = unknown.flatMap(({ definition }) => {
    const analysis = metrics.find(({ metric }) => metric === definition.name);
    if (analysis === undefined || !NOT_MEASURED.has(analysis.reason)) return [];
    const ofControl = hasEqualBaseline ? Math.min(share, 1 - share) : 1 - share;
    const units = Math.max(0, baselineUnitsOverall - analysis.n.control.units) / ofControl;
    return [{ units, hardest: definition.name }];
  });
  return left.toSorted((one, other) => other.units - one.units)[0] ?? { units: 0, hardest: null };
}

interface Planned {
  readonly metric: PlannedMetric;
  readonly margin: number;
}

/** In the words of planning; null where too little is known of control, or planning knows no such metric. */
function plannedOf(metric: MetricDesign, pair: PairEvidence, analysis: MetricAnalysis): Planned | null {
  const { definition, test } = metric;
  if (test === null) return null;
  const { margin } = test;
  const { control } = analysis.estimate;
  const isBad = definition.direction === 'lower';
  switch (definition.kind) {
    case 'mean':
    case 'ratio':
      return plannedMean(margin, pair.metrics.get(definition.name));
    case 'rate':
      if (control === null) return null;
      if (margin.kind === 'absolute')
        return { metric: { kind: 'rate', rate: isBad ? control : 1 - control }, margin: margin.value };
      return isBad ? plannedEvents(control, margin) : null;
    case 'incidence':
      return isBad && control !== null ? plannedEvents(control, margin) : null;
    case 'lower-tail':
      return {
        metric: { kind: 'lower-tail', tailShare: definition.level },
        margin: relative(margin, definition.level),
      };
    case 'upper-tail':
      return isBad ? plannedTail(margin, definition.level, pair.metrics.get(metric.valuesIn ?? definition.name)) : null;
    default:
      return null;
  }
}

function plannedMean(margin: Margin, state: MetricEvidence | undefined): Planned | null {
  const fixed = state !== undefined && 'baseline' in state ? state.baseline.fixed : null;
  if (fixed === null) return null;
  const { mean, spread } = fixed;
  const allowed =
    margin.kind === 'relative' ? Math.max(margin.value * Math.abs(mean), margin.floor ?? 0) : margin.value;
  return { metric: { kind: 'mean', mean, spread }, margin: allowed };
}

function plannedEvents(rate: number, margin: Margin): Planned | null {
  // Of no events there is no percentage: what is left is the floor, an amount.
  if (rate === 0) return margin.floor === undefined ? null : { metric: { kind: 'rate', rate }, margin: margin.floor };
  return { metric: { kind: 'relative-rate', rate }, margin: relative(margin, rate) };
}

/** Values are taken for lognormal: the spread of their logarithms is what lies between two quantiles. */
function plannedTail(margin: Margin, level: number, state: MetricEvidence | undefined): Planned | null {
  const cell = state !== undefined && 'values' in state ? mostExposedCell(state.values) : null;
  if (cell === null || cell.control.n < SMALLEST_SAMPLE) return null;
  const [middle, upper, own] = [MIDDLE, UPPER, level].map((p) => quantileOf(cell.control, p)) as [
    number,
    number,
    number,
  ];
  const lnSpread = Math.log(upper / middle) / normalUpperQuantile(1 - UPPER);
  if (!(lnSpread > 0 && lnSpread < Infinity && own > 0 && own < Infinity)) return null;
  return { metric: { kind: 'upper-tail', lnSpread, tailShare: 1 - level }, margin: relative(margin, own) };
}

function relative(margin: Margin, of: number): number {
  return margin.kind === 'relative' ? Math.max(margin.value, (margin.floor ?? 0) / of) : margin.value / of;
}

/** ln E by target; what is proven for a larger share is proven for a smaller one. */
function reachedBy({ budget, verdict, lnE }: MetricAnalysis, stage: number, targets: number): readonly number[] {
  if (verdict === 'non-inferior' || verdict === 'superior') return Array.from({ length: targets }, () => Infinity);
  const steps = budget.slice(stage);
  return Array.from({ length: targets }, (_, target) =>
    Math.max(lnE?.nonInferior ?? 0, ...steps.slice(target).map(({ lnENonInferior }) => lnENonInferior)),
  );
}

/** Growth rates cost milliseconds and depend on figures that hardly move: kept by those figures, to two digits. */
const kept = new Map<string, ProofGrowth>();

function growthOf({ metric, margin }: Planned, ladderPpm: readonly number[], isEqual: boolean): ProofGrowth {
  const rounded = Object.fromEntries(
    Object.entries(metric).map(([name, value]) => [name, typeof value === 'number' ? roughly(value) : value]),
  ) as unknown as PlannedMetric;
  const key = JSON.stringify([rounded, roughly(margin), ladderPpm, isEqual]);
  const growth = kept.get(key) ?? proofGrowth(rounded, roughly(margin), ladderPpm, isEqual);
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(key, growth);
  return growth;
}

function roughly(value: number): number {
  return Number(value.toPrecision(2));
}
