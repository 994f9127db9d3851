import { type ExperimentDefined, type Margin, MILLION } from '#libs/contracts';
import { type MetricDefinition, metricCatalogue, type ObservedTopic } from './metrics.js';

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
  readonly role: 'guardrail' | 'objective' | 'observed';
  /** Null for metrics that are only observed. */
  readonly test: MetricTest | null;
  /** Bit of a unit's mark that says it has been measured, and the one for its first bad event; unique within the topic. */
  readonly measuredBit: number;
  readonly badBit: number;
}

/** Bits of a unit's mark beside the metrics' own: seen at all, counted for the coverage. */
export const SEEN_BIT = 1;
export const COVERED_BIT = 2;
const FIRST_METRIC_BIT = 4;
const MARK_BITS = 16;

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
  /** Control units of one partition whose values fix relative margins and bounds. */
  readonly baselineUnits: number;
  readonly metrics: readonly MetricDesign[];
  /** Indices into `metrics` by topic. */
  readonly byTopic: Readonly<Record<ObservedTopic, readonly number[]>>;
}

/**
 * Reads an experiment's definition as a statistical design.
 * @param partitions how many parts of the log are folded separately; they share the baseline between them.
 */
export function evidenceDesign(definition: ExperimentDefined, partitions: number): EvidenceDesign {
  const { spec } = definition;
  const shares = spec.ramp.stages.slice(1).map(({ weightPpm }) => weightPpm);
  if (shares.at(-1) !== MILLION) shares.push(MILLION);
  const metrics = metricCatalogue.map((metric): MetricDesign => {
    const index = metricCatalogue.filter(({ topic }) => topic === metric.topic).indexOf(metric);
    const measuredBit = FIRST_METRIC_BIT << (2 * index);
    if (measuredBit >= 2 ** (MARK_BITS - 1))
      throw new RangeError(`${metric.topic} has more metrics than a unit's mark has bits`);
    const guardrail = spec.guardrails.find((candidate) => candidate.metric === metric.name);
    const isObjective = spec.objectives.some((objective) => objective.metric === metric.name);
    const role = guardrail ? 'guardrail' : isObjective ? 'objective' : 'observed';
    const margin: Margin = guardrail?.margin ?? { ...metric.defaultMargin, value: 0 };
    const anyHarm = guardrail?.rollbackOn === 'any-harm';
    return {
      definition: metric,
      role,
      test:
        role === 'observed'
          ? null
          : {
              margin,
              harmBeyond: anyHarm ? { ...margin, value: 0 } : margin,
              anyHarm,
              budget: shares.map((sharePpm) => ({
                sharePpm,
                margin: { kind: margin.kind, value: margin.value / (sharePpm / MILLION) },
              })),
            },
      measuredBit,
      badBit: 2 * measuredBit,
    };
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
    baselineUnits: Math.max(SMALLEST_BASELINE, Math.ceil(spec.baselineUnits / partitions)),
    metrics,
    byTopic: {
      'request.routed.v1': indicesOf(metrics, 'request.routed.v1'),
      'generation.completed.v1': indicesOf(metrics, 'generation.completed.v1'),
      'image.scored.v1': indicesOf(metrics, 'image.scored.v1'),
    },
  };
}

function indicesOf(metrics: readonly MetricDesign[], topic: ObservedTopic): readonly number[] {
  return metrics.flatMap(({ definition }, index) => (definition.topic === topic ? [index] : []));
}
