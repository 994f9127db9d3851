import type { OwnMetric } from '#libs/contracts';
import { type MetricDefinition, USUAL_BURN_IN, USUAL_CAP } from './definition.js';

/** Reads a number or truth value (1 and 0) out of an event's data; null where there is none. */
type FieldReader = (data: unknown) => number | null;

/** A metric of the experiment's own as a definition like the built-in ones. The path was checked when the file was read. */
export function ownMetric(metric: OwnMetric): MetricDefinition {
  const { name, topic, kind, direction, unit } = metric;
  const described = {
    name,
    description: `${topic}/${metric.path}${metric.per === null ? '' : ` per ${metric.per}`}`,
    unit,
    direction,
    defaultRole: 'observed',
    reads: metric.per === null ? metric.path : `${metric.path} per ${metric.per}`,
    topic,
    defaultMargin: metric.margin ?? { kind: 'relative', value: 0.05 },
    floor: null,
    lateData: 'first-only',
  } as const;
  const observe = fieldReader(metric.path);
  switch (kind) {
    case 'rate':
      return {
        ...described,
        kind,
        scale: 'difference',
        cap: { kind: 'fixed', lo: 0, hi: 1 },
        burnInUnits: USUAL_BURN_IN,
        observe: truthReader(metric.path),
      } as MetricDefinition;
    case 'mean':
      return {
        ...described,
        kind,
        scale: 'difference',
        cap: capOf(metric),
        burnInUnits: USUAL_BURN_IN,
        observe,
      } as MetricDefinition;
    case 'ratio':
      return {
        ...described,
        kind,
        scale: 'difference',
        cap: capOf(metric),
        burnInUnits: USUAL_BURN_IN,
        observe,
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

const readers = new Map<string, FieldReader>();

/** The same reader for the same path: metrics that share one also share what is kept of its values. */
function fieldReader(path: string): FieldReader {
  const known = readers.get(path);
  if (known) return known;
  const steps = path.split('.');
  const reader: FieldReader = (data) => {
    let found: unknown = data;
    for (const step of steps) {
      if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return null;
      found = (found as Readonly<Record<string, unknown>>)[step];
    }
    return typeof found === 'number' ? found : typeof found === 'boolean' ? Number(found) : null;
  };
  readers.set(path, reader);
  return reader;
}

function truthReader(path: string): FieldReader {
  const read = fieldReader(path);
  return (data) => {
    const value = read(data);
    return value === null ? null : Number(value !== 0);
  };
}
