import {
  candidatesOf,
  comparedWith,
  type ExperimentDefined,
  type ExperimentSpec,
  harmAlphaOf,
  type Margin,
  MILLION,
  DEFAULT_ROPE,
  DEFAULT_WARM_UP,
  marginForShare,
  parametersOf,
} from '#libs/contracts';
import { canDecide, type DefinitionOf, type MetricDefinition, type RequestTopic } from './definition.js';
import { definitionOfOneShape } from './one-shape.js';
import { metricLimit, type MetricLimit, takesLimit } from './metric-limit.js';
import { metricCatalogue, metricsOf } from './metric-catalogue.js';
import type { EpisodeRule } from '../kinds/episodes.js';
import { type Reader, readerOf } from './reader.js';

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
  readonly role: 'guardrail' | 'objective' | 'watched' | 'observed';
  /** Null for metrics that are only observed, and for those that can only warn. */
  readonly test: MetricTest | null;
  /** Whether events are read for it. */
  readonly isCollected: boolean;
  /** Name of the metric that keeps the values this one shows, the first of those that read the same; null: nobody does. */
  readonly valuesIn: string | null;
  /** Of a quotient: numerator and denominator; absent: it is none. */
  readonly parts?: readonly MetricDesign[];
  /** What may not be exceeded, whatever control does; absent: no limit. */
  readonly limit?: MetricLimit;
  /** Effects at which an objective is tested beside its margins, ascending (see {@link GAIN_GRID}); empty for all others. */
  readonly gainGrid: readonly number[];
  /** What is left out of the test of harm after a bad event; `off` where harm is not told by bad events. */
  readonly episodes: EpisodeRule;
  /** Of durations: how queues are known and how long they last; absent: it is no duration. */
  readonly queues?: QueueRule;
  /** When its values begin to be judged; null: from the first one on. */
  readonly warmUp: WarmUpRule | null;
}

/** A queue of one variant's process lasts for a multiple of what all but few of control's requests take. */
export interface QueueRule {
  /** Milliseconds in the metric's unit. */
  readonly unitMs: number;
  /** Parts of the log: each counts the same queue by itself, so that an episode lasts as many times as long in each. */
  readonly partitions: number;
}

/** A start is over after `requests` requests, as one partition sees them, or `forMs`, whichever comes first. */
export interface WarmUpRule {
  readonly requests: number;
  readonly forMs: number;
}

const GAINS = [0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1];

/**
 * Effects at which objectives are tested, so that their tests together give an interval: shares of control's value for means and
 * ratios, shares of units for rates. An interval's ends lie on it.
 */
export const GAIN_GRID: readonly number[] = [...GAINS.map((gain) => -gain).reverse(), 0, ...GAINS];

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
  /** How often the revision's policy was changed. */
  readonly policy: number;
  /** How many parts of the log are folded separately; all events of one unit are in one of them. */
  readonly partitions: number;
  /** What candidates are compared with: control, or the baseline arm. */
  readonly control: string;
  /** All variants, also one that is not compared. */
  readonly variants: readonly string[];
  readonly candidates: readonly string[];
  /** Of the configurations that are declared, by variant. */
  readonly fingerprints: Readonly<Record<string, string>>;
  /** Its variants are parameters of an application: what a model's service says of its configuration is the same for all of them. */
  readonly areFeatures: boolean;
  readonly unit: 'user' | 'session' | 'request';
  readonly kind: ExperimentSpec['kind'];
  /** The ramp's shares, stage by stage. */
  readonly sharesPpm: readonly number[];
  /** Whether the candidate is compared with an arm of the same share. */
  readonly hasEqualBaseline: boolean;
  /** Stages of the ramp: an assignment's stage is an index below this. */
  readonly stageCount: number;
  readonly alpha: number;
  /** Levels at which harm is proven, by guardrail: α itself, or its shares where the experiment shares one. */
  readonly harmAlphas: ReadonlyMap<string, number>;
  readonly objectives: readonly { readonly metric: string; readonly weight: number }[];
  /** The smallest difference in utility that matters, as a share of control's value. */
  readonly rope: number;
  /** Control units of one partition whose values fix relative margins and bounds. */
  readonly baselineUnits: number;
  /** The same over all partitions. */
  readonly baselineUnitsOverall: number;
  /** When durations begin to be judged; null: from the first one on. */
  readonly warmUp: WarmUpRule | null;
  readonly metrics: readonly MetricDesign[];
  readonly names: ReadonlySet<string>;
  /** Names of the guardrails. */
  readonly guarded: ReadonlySet<string>;
  /** Those of `metrics` that read events of requests, by topic. */
  readonly readers: MetricReaders;
  /** Those of `metrics` that raters judge. */
  readonly judged: readonly MetricDesign[];
  /** Those that the scorer's model says of pairs of pictures. */
  readonly predicted: readonly MetricDesign[];
}

type MetricReaders = { readonly [T in RequestTopic]: readonly MetricReader<T>[] };

/** How a metric of the design reads the events of its topic. */
export interface MetricReader<T extends RequestTopic> {
  readonly metric: MetricDesign;
  readonly read: Reader<T>;
}

/**
 * Reads an experiment's definition as a statistical design.
 * @param partitions how many parts of the log are folded separately; they share the baseline between them.
 * @param catalogue the built-in metrics.
 */
export function evidenceDesign(
  definition: ExperimentDefined,
  partitions: number,
  catalogue: readonly MetricDefinition[] = metricCatalogue,
): EvidenceDesign {
  const { spec } = definition;
  const warmUp = warmUpOf(spec, partitions);
  const metrics = withParts(metricDesigns(spec, metricsOf(spec, catalogue), { warmUp, partitions }));
  return {
    experiment: definition.experiment,
    revision: definition.revision,
    policy: definition.policy ?? 0,
    partitions,
    control: comparedWith(spec),
    variants: Object.keys(spec.variants),
    candidates: [...candidatesOf(spec)].sort(),
    fingerprints: definition.fingerprints,
    areFeatures: Object.values(spec.variants).some(({ config }) => parametersOf(config) !== undefined),
    unit: spec.unit,
    kind: spec.kind,
    hasEqualBaseline: spec.baseline !== undefined,
    sharesPpm: spec.ramp.stages.map(({ weightPpm }) => weightPpm),
    stageCount: spec.ramp.stages.length,
    alpha: spec.alpha,
    harmAlphas: new Map(spec.guardrails.map(({ metric }) => [metric, harmAlphaOf(spec, metric)])),
    objectives: spec.objectives,
    rope: spec.rope ?? DEFAULT_ROPE,
    baselineUnitsOverall: Math.max(SMALLEST_BASELINE, spec.baselineUnits),
    baselineUnits: Math.max(SMALLEST_BASELINE, Math.ceil(spec.baselineUnits / partitions)),
    warmUp,
    metrics,
    names: new Set(metrics.map(({ definition: { name } }) => name)),
    guarded: new Set(spec.guardrails.map(({ metric }) => metric)),
    readers: {
      'request.routed.v1': readersOf(metrics, 'request.routed.v1'),
      'generation.completed.v1': readersOf(metrics, 'generation.completed.v1'),
      'image.scored.v1': readersOf(metrics, 'image.scored.v1'),
      'feedback.recorded.v1': readersOf(metrics, 'feedback.recorded.v1'),
    },
    judged: metrics.filter((metric) => metric.definition.kind === 'preference'),
    predicted: metrics.filter((metric) => metric.definition.kind === 'predicted-preference'),
  };
}

function withParts(metrics: readonly MetricDesign[]): readonly MetricDesign[] {
  return metrics.map((metric) => {
    const { definition } = metric;
    if (definition.kind !== 'quotient') return metric;
    const parts = definition.parts.flatMap((name) => metrics.find((part) => part.definition.name === name) ?? []);
    return ofOneShape({ ...metric, parts });
  });
}

/** The partitions share the requests of a start between them. */
function warmUpOf({ warmUp = DEFAULT_WARM_UP }: ExperimentSpec, partitions: number): WarmUpRule | null {
  if (warmUp === 'off') return null;
  return { requests: Math.ceil(warmUp.requests / partitions), forMs: warmUp.forMs };
}

function metricDesigns(
  spec: ExperimentSpec,
  definitions: readonly MetricDefinition[],
  { warmUp, partitions }: { readonly warmUp: WarmUpRule | null; readonly partitions: number },
): readonly MetricDesign[] {
  const isKeeper = (other: MetricDefinition): boolean => readsEvents(other, roleOf(spec, other.name));
  return definitions.map((definition) => {
    const role = roleOf(spec, definition.name);
    const keeper = definitions.find((other) => readsTheSame(definition, other) && isKeeper(other));
    const test = testOf(spec, definition, role);
    return ofOneShape({
      definition: definitionOfOneShape(definition),
      role,
      test,
      isCollected: readsEvents(definition, role),
      valuesIn: keeper?.name ?? null,
      ...limitOf(spec, definition),
      gainGrid: isTestedAtGains(spec, definition.name) ? GAIN_GRID : [],
      episodes: test === null ? 'off' : episodesOf(spec, definition),
      ...queuesOf(definition, partitions),
      warmUp: definition.isJudgedWarm ? warmUp : null,
    });
  });
}

/**
 * The same metric as an object of the one shape that all have: every event reads properties of many of them at the same places, and where those have
 * more than a few shapes the compiler looks each property up in a table.
 */
function ofOneShape(metric: MetricDesign): MetricDesign {
  const { definition, role, test, isCollected, valuesIn, parts, limit, gainGrid, episodes, queues, warmUp } = metric;
  const all = { definition, role, test, isCollected, valuesIn, parts, limit, gainGrid, episodes, queues, warmUp };
  return all as MetricDesign;
}

/** An objective has an interval; of a part of a quotient changes are tested in both directions. */
function isTestedAtGains(spec: ExperimentSpec, name: string): boolean {
  return spec.objectives.some(({ metric }) => metric === name) || isPart(spec, name);
}

function isPart({ quotients = [] }: ExperimentSpec, name: string): boolean {
  return quotients.some(({ of, per }) => of === name || per === name);
}

function roleOf(spec: ExperimentSpec, name: string): MetricDesign['role'] {
  if (spec.guardrails.some(({ metric }) => metric === name)) return 'guardrail';
  if (spec.objectives.some(({ metric }) => metric === name)) return 'objective';
  const isNamed = [...(spec.dryRun ?? []), ...(spec.limits ?? [])].some(({ metric }) => metric === name);
  const isFollowed = spec.watch?.includes(name) || isNamed || isPart(spec, name);
  return isFollowed ? 'watched' : 'observed';
}

function limitOf({ limits = [] }: ExperimentSpec, definition: MetricDefinition): Pick<MetricDesign, 'limit'> {
  const limit = limits.find(({ metric }) => metric === definition.name);
  return limit && takesLimit(definition) ? { limit: metricLimit(definition, limit) } : {};
}

function testOf(spec: ExperimentSpec, metric: MetricDefinition, role: MetricDesign['role']): MetricTest | null {
  if (role === 'observed' || !canDecide(metric.kind)) return null;
  const guardrail = [...spec.guardrails, ...(spec.dryRun ?? [])].find((one) => one.metric === metric.name);
  const margin = guardrail?.margin ?? (role === 'watched' ? usualMargin(metric) : nothing(metric.defaultMargin));
  const anyHarm = guardrail?.rollbackOn === 'any-harm';
  return {
    margin,
    harmBeyond: anyHarm ? nothing(margin) : margin,
    anyHarm,
    budget: sharesOf(spec, role).map((sharePpm) => ({
      sharePpm,
      margin: marginForShare(margin, sharePpm / MILLION),
    })),
  };
}

function usualMargin({ defaultMargin, floor }: MetricDefinition): Margin {
  return defaultMargin.kind === 'absolute' || floor === null ? defaultMargin : { ...defaultMargin, floor };
}

/** No difference at all, written as the margin is. */
function nothing({ kind }: Margin): Margin {
  return { kind, value: 0 };
}

/**
 * Where bad events tell harm and a stall makes several of them: not what people do more often the better it is, and not the lower tail of
 * pictures, which come late after a stall and are the same.
 */
function episodesOf({ episodes = 'fifth' }: ExperimentSpec, definition: MetricDefinition): EpisodeRule {
  const { kind, direction, topic } = definition;
  switch (kind) {
    case 'rate':
      return episodes;
    case 'upper-tail':
    case 'incidence':
      return direction === 'lower' ? episodes : 'off';
    case 'lower-tail':
      return topic === 'image.scored.v1' ? 'off' : episodes;
    default:
      return 'off';
  }
}

const MS_OF: Readonly<Record<string, number>> = { ms: 1, s: 1_000 };

function queuesOf({ kind, unit }: MetricDefinition, partitions: number): Pick<MetricDesign, 'queues'> {
  const unitMs = kind === 'upper-tail' ? MS_OF[unit] : undefined;
  return unitMs === undefined ? {} : { queues: { unitMs, partitions } };
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

function readersOf<T extends RequestTopic>(metrics: readonly MetricDesign[], topic: T): readonly MetricReader<T>[] {
  return metrics.flatMap((metric) => {
    const { definition, isCollected } = metric;
    return isCollected && isReadFrom(definition, topic) ? [{ metric, read: readerOf<T>(definition) }] : [];
  });
}

/** Their values are made of something else than one event. */
const READ_BY_NO_EVENT: ReadonlySet<MetricDefinition['kind']> = new Set([
  'coverage',
  'quotient',
  'predicted-preference',
]);

function isReadFrom<T extends RequestTopic>(
  definition: MetricDefinition,
  topic: T,
): definition is MetricDefinition & DefinitionOf<T> {
  return definition.topic === topic && !READ_BY_NO_EVENT.has(definition.kind);
}

/** Of what is only observed, embeddings and ranks would cost more than they say: those have to be asked for. */
function readsEvents({ kind }: MetricDefinition, role: MetricDesign['role']): boolean {
  if (kind === 'quotient') return false;
  return role !== 'observed' || !(kind === 'shift' || kind === 'distribution' || kind === 'diversity');
}
