import { type ExperimentDefined, type ExperimentSpec, type Margin, MILLION, DEFAULT_ROPE } from '#libs/contracts';
import { canDecide, type MetricDefinition, OBSERVED_TOPICS, type ObservedTopic } from './definition.js';
import { metricsOf } from './metric-catalogue.js';
import type { UnitLayout } from '../fold/unit-memory.js';

/** Fewer control units than this fix no bounds, however many partitions share the baseline. */
const SMALLEST_BASELINE = 30;

/** A share of traffic the ramp may rise to, and what has to be excluded for that: harm of margin ÷ share. */
export interface BudgetStep {
  readonly sharePpm: number;
  /** The guardrail's margin ÷ share, of the same kind as the guardrail's. */
  readonly margin: Margin;
}

/** What is judged of one metric. */
export interface MetricDesign {
  readonly definition: MetricDefinition;
  /** Its place among the design's metrics. */
  readonly index: number;
  readonly role: 'guardrail' | 'objective' | 'watched' | 'observed';
  /** Null for metrics that are only observed, and for those that can only warn. */
  readonly test: MetricTest | null;
  /** Fact of a unit's mark that says it has been measured, and the one for its first bad event; unique within the topic. */
  readonly measuredBit: number;
  readonly badBit: number;
  /** Where a unit's own sum, denominator and number of events are in its mark (ratios); −1: it has none. */
  readonly numbersAt: number;
  /** The metric that keeps the sketch of the values this one shows: the first of those that read the same values. */
  readonly valuesIn: number;
  /** Effects at which an objective is tested beside its margins, ascending (see {@link GAIN_GRID}); empty for all others. */
  readonly gainGrid: readonly number[];
}

const GAINS = [0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1];

/**
 * Effects at which objectives are tested, so that their tests together give an interval: shares of control's value for means and
 * ratios, shares of units for rates. An interval's ends lie on it.
 */
export const GAIN_GRID: readonly number[] = [...GAINS.map((gain) => -gain).reverse(), 0, ...GAINS];

/** Facts of a unit's mark beside the metrics' own: seen at all, counted for the coverage. */
export const SEEN_BIT = 0;
export const COVERED_BIT = 1;
const FIRST_METRIC_BIT = 2;

export interface MetricTest {
  /** The guardrail's margin; 0 for an objective without a guardrail. */
  readonly margin: Margin;
  /** The boundary of harm: the margin, or 0 where any harm rolls back. */
  readonly harmBeyond: Margin;
  readonly anyHarm: boolean;
  /** The ramp's shares after the first, rising to 100 %, where the margin itself is left. */
  readonly budget: readonly BudgetStep[];
}

/** Everything of an experiment's revision that the fold and the analysis depend on. */
export interface EvidenceDesign {
  readonly experiment: string;
  readonly revision: number;
  readonly control: string;
  readonly candidates: readonly string[];
  readonly unit: 'user' | 'session' | 'request';
  readonly alpha: number;
  readonly objectives: readonly { readonly metric: string; readonly weight: number }[];
  /** The smallest difference in utility that matters, as a share of control's value. */
  readonly rope: number;
  /** Control units of one partition whose values fix relative margins and bounds. */
  readonly baselineUnits: number;
  readonly metrics: readonly MetricDesign[];
  readonly names: ReadonlySet<string>;
  /** Indices into `metrics` by topic, of those that read events. */
  readonly byTopic: Readonly<Record<ObservedTopic, readonly number[]>>;
  /** What a partition remembers of a unit. */
  readonly unitLayout: UnitLayout;
}

/**
 * Reads an experiment's definition as a statistical design.
 * @param partitions how many parts of the log are folded separately; they share the baseline between them.
 */
export function evidenceDesign(definition: ExperimentDefined, partitions: number): EvidenceDesign {
  const { spec } = definition;
  const definitions = metricsOf(spec);
  const inTopic = new Map<ObservedTopic, { bits: number; numbers: number }>();
  const metrics = definitions.map((metric, index): MetricDesign => {
    const used = inTopic.get(metric.topic) ?? { bits: FIRST_METRIC_BIT, numbers: 0 };
    inTopic.set(metric.topic, used);
    const role = roleOf(spec, metric.name);
    const design = {
      definition: metric,
      index,
      role,
      test: testOf(spec, metric, role),
      measuredBit: used.bits,
      badBit: used.bits + 1,
      numbersAt: metric.kind === 'ratio' ? used.numbers : -1,
      valuesIn: definitions.findIndex(
        (other) => readsTheSame(metric, other) && isCollected(other, roleOf(spec, other.name)),
      ),
      gainGrid: spec.objectives.some((objective) => objective.metric === metric.name) ? GAIN_GRID : [],
    };
    used.bits += 2;
    if (metric.kind === 'ratio') used.numbers += 3;
    return design;
  });
  return {
    experiment: definition.experiment,
    revision: definition.revision,
    control: spec.control,
    candidates: Object.keys(spec.variants)
      .filter((variant) => variant !== spec.control)
      .sort(),
    unit: spec.unit,
    alpha: spec.alpha,
    objectives: spec.objectives,
    rope: spec.rope ?? DEFAULT_ROPE,
    baselineUnits: Math.max(SMALLEST_BASELINE, Math.ceil(spec.baselineUnits / partitions)),
    metrics,
    names: new Set(metrics.map(({ definition: { name } }) => name)),
    byTopic: Object.fromEntries(OBSERVED_TOPICS.map((topic) => [topic, indicesOf(metrics, topic)])) as Record<
      ObservedTopic,
      readonly number[]
    >,
    unitLayout: {
      bits: Math.max(...[...inTopic.values()].map(({ bits }) => bits)),
      numbers: Math.max(...[...inTopic.values()].map(({ numbers }) => numbers)),
    },
  };
}

function roleOf(spec: ExperimentSpec, name: string): MetricDesign['role'] {
  if (spec.guardrails.some(({ metric }) => metric === name)) return 'guardrail';
  if (spec.objectives.some(({ metric }) => metric === name)) return 'objective';
  return spec.watch?.includes(name) ? 'watched' : 'observed';
}

function testOf(spec: ExperimentSpec, metric: MetricDefinition, role: MetricDesign['role']): MetricTest | null {
  if (role === 'observed' || !canDecide(metric.kind)) return null;
  const guardrail = spec.guardrails.find((candidate) => candidate.metric === metric.name);
  const { defaultMargin } = metric;
  const margin: Margin = guardrail?.margin ?? (role === 'watched' ? defaultMargin : { ...defaultMargin, value: 0 });
  const anyHarm = guardrail?.rollbackOn === 'any-harm';
  return {
    margin,
    harmBeyond: anyHarm ? { ...margin, value: 0 } : margin,
    anyHarm,
    budget: sharesOf(spec, role).map((sharePpm) => ({
      sharePpm,
      margin: { kind: margin.kind, value: margin.value / (sharePpm / MILLION) },
    })),
  };
}

/** A metric that opens no stage needs no proof but that of its margin. */
function sharesOf(spec: ExperimentSpec, role: MetricDesign['role']): readonly number[] {
  if (role === 'watched') return [MILLION];
  const shares = spec.ramp.stages.slice(1).map(({ weightPpm }) => weightPpm);
  return shares.at(-1) === MILLION ? shares : [...shares, MILLION];
}

function readsTheSame(a: MetricDefinition, b: MetricDefinition): boolean {
  if (a === b) return true;
  if (a.topic !== b.topic || a.lateData !== b.lateData) return false;
  if (a.kind === 'upper-tail' && b.kind === 'upper-tail') return a.observe === b.observe;
  return 'embedding' in a && 'embedding' in b && a.embedding === b.embedding;
}

function indicesOf(metrics: readonly MetricDesign[], topic: ObservedTopic): readonly number[] {
  return metrics.flatMap(({ definition, role }, index) =>
    definition.topic === topic && definition.kind !== 'coverage' && isCollected(definition, role) ? [index] : [],
  );
}

/** Of what is only observed, embeddings and ranks would cost more than they say: those have to be asked for. */
function isCollected({ kind }: MetricDefinition, role: MetricDesign['role']): boolean {
  return role !== 'observed' || !(kind === 'shift' || kind === 'distribution' || kind === 'diversity');
}
