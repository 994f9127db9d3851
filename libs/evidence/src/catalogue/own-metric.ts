import { type DataOf, durationInWords, EACH_EVENT, type MeasurableTopic, type OwnMetric } from '#libs/contracts';
import { type LateData, type MetricDefinition, type Observed, USUAL_BURN_IN, USUAL_CAP } from './definition.js';
import { latencyMs } from './durations.js';

/** Reads a number or truth value (1 and 0) out of an event's data; null where there is none. */
type FieldReader = (data: unknown) => Observed;

/** Times that something took: they count where it was done, as the built-in latencies do. */
const DURATIONS: readonly string[] = [
  'request.routed.v1/durationMs',
  'generation.completed.v1/timings.queueMs',
  'generation.completed.v1/timings.inferenceMs',
  'generation.completed.v1/timings.totalMs',
];

/** A metric of the experiment's own as a definition like the built-in ones. The path was checked when the file was read. */
export function ownMetric(metric: OwnMetric): MetricDefinition {
  const { name, topic, kind, direction, unit } = metric;
  const reads = inWords(metric);
  const described = {
    name,
    description: `${topic}/${reads}`,
    unit,
    direction,
    defaultRole: 'observed',
    reads,
    topic,
    defaultMargin: metric.margin ?? { kind: 'relative', value: 0.05 },
    floor: null,
    lateData: lateDataOf(metric),
    ...(isJudgedWarm(metric) ? { isJudgedWarm: true } : {}),
  } as const;
  const observe = observerOf(metric);
  const difference = { ...described, scale: 'difference', burnInUnits: USUAL_BURN_IN, observe } as const;
  const share = { kind: 'fixed', lo: 0, hi: 1 } as const;
  switch (kind) {
    case 'rate':
      return { ...difference, kind, cap: share, observe: truthOf(observe) } as MetricDefinition;
    case 'probability':
      return { ...difference, kind: 'mean', cap: share } as MetricDefinition;
    case 'mean': {
      const cutAt = metric.capAt === undefined ? {} : { capAt: metric.capAt };
      return { ...difference, kind, cap: capOf(metric), ...cutAt } as MetricDefinition;
    }
    case 'total': {
      const cutAt = metric.capAt === undefined ? {} : { capAt: metric.capAt };
      const { windowMs } = metric;
      return { ...difference, kind: 'mean', cap: capOf(metric), ...cutAt, windowMs } as MetricDefinition;
    }
    case 'ratio':
      return {
        ...difference,
        kind,
        cap: capOf(metric),
        denominator: fieldReader(metric.per ?? ''),
      } as MetricDefinition;
    case 'upper-tail':
    case 'lower-tail':
      return {
        ...described,
        kind,
        level: metric.level as number,
        // What is compared is how often values fall below the limit: the less often the better, whatever is said of the values.
        direction: kind === 'lower-tail' ? 'lower' : direction,
        scale: kind === 'upper-tail' ? 'relative' : 'ln-rate-ratio',
        cap: { kind: 'none' },
        burnInUnits: 1,
        observe,
      } as MetricDefinition;
    default:
      return kind satisfies never;
  }
}

function capOf({ bounds }: OwnMetric): MetricDefinition['cap'] {
  return bounds === null ? USUAL_CAP : { kind: 'fixed', lo: bounds[0], hi: bounds[1] };
}

function isDuration({ topic, path, where }: OwnMetric): boolean {
  return where?.['outcome'] === undefined && DURATIONS.includes(`${topic}/${path}`);
}

/** Whatever it counts of them. Ratios and totals are of a unit's sums, which are complete or nothing. */
function isJudgedWarm({ topic, path, kind }: OwnMetric): boolean {
  return DURATIONS.includes(`${topic}/${path}`) && kind !== 'ratio' && kind !== 'total';
}

/** What never came took longer than anything; of a mean it is missing. */
function lateDataOf(metric: OwnMetric): LateData {
  return isDuration(metric) && metric.kind === 'upper-tail' ? 'infinite' : 'first-only';
}

/** What is read, in words; it is part of what tells a metric from another one of its name. */
function inWords(metric: OwnMetric): string {
  const { path, per, where = {}, capAt, windowMs } = metric;
  const conditions = Object.entries(where).map(([field, values]) => `${field} is ${values.join(' or ')}`);
  return [
    path === EACH_EVENT ? 'events' : path,
    ...(windowMs === undefined ? [] : [`in total over the first ${durationInWords(windowMs)} of a unit`]),
    ...(per === null ? [] : [`per ${per}`]),
    ...(isDuration(metric) ? ['of what was delivered'] : []),
    ...(conditions.length === 0 ? [] : [`where ${conditions.join(' and ')}`]),
    ...(capAt === undefined ? [] : [`capped at control’s p${capAt * 100}`]),
  ].join(' ');
}

const observers = new Map<string, FieldReader>();

/** The same reader for the same fields: metrics that share one also share what is kept of its values. */
function observerOf(metric: OwnMetric): FieldReader {
  const { topic, path, where } = metric;
  const key = JSON.stringify([topic, path, where ?? null]);
  const known =
    observers.get(key) ?? wherever(where, isDuration(metric) ? durationReader(topic, path) : fieldReader(path));
  observers.set(key, known);
  return known;
}

function durationReader(topic: MeasurableTopic, path: string): FieldReader {
  if (topic === 'request.routed.v1') return latencyMs as (data: never) => Observed as FieldReader;
  const read = fieldReader(path);
  return (data) => ((data as DataOf<'generation.completed.v1'>).outcome === 'delivered' ? read(data) : 'unknown');
}

/** Only of events whose fields have the values. */
function wherever(where: OwnMetric['where'], read: FieldReader): FieldReader {
  if (where === undefined) return read;
  const conditions = Object.entries(where).map(([path, values]) => ({
    at: valueReader(path),
    values: new Set<unknown>(values),
  }));
  return (data) => (conditions.every(({ at, values }) => values.has(at(data))) ? read(data) : null);
}

function fieldReader(path: string): FieldReader {
  if (path === EACH_EVENT) return () => 1;
  const at = valueReader(path);
  return (data) => {
    const found = at(data);
    return typeof found === 'number' ? found : typeof found === 'boolean' ? Number(found) : null;
  };
}

function valueReader(path: string): (data: unknown) => unknown {
  const steps = path.split('.');
  return (data) => {
    let found: unknown = data;
    for (const step of steps) {
      if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return null;
      found = (found as Readonly<Record<string, unknown>>)[step];
    }
    return found;
  };
}

/** Whether it happened: true, or any number but 0. A number between 0 and 1 is a probability, of which nothing is known to have happened. */
function truthOf(read: FieldReader): FieldReader {
  return (data) => {
    const value = read(data);
    if (typeof value !== 'number') return value;
    return value > 0 && value < 1 ? null : Number(value !== 0);
  };
}
