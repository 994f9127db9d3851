import { z } from 'zod';
import { closest } from './closest.js';
import { durationOfAtLeast, parseDurationMs } from './duration.js';
import { comparedFieldAt, fieldsOf, fieldTypeAt } from './event-fields.js';
import { EACH_EVENT, measurableTopic, type MeasurableTopic, type OwnMetric } from './spec.js';
import type { Complain } from './file-problems.js';
import type { KnownMetric } from './known-metric.js';
import { marginText, readMargin } from './margin.js';
import { slug } from '../names.js';
import { readWhere, whereFile } from './where.js';

/** The quantiles a tail is about where the file names none. */
const USUAL_LEVEL = { 'upper-tail': 0.95, 'lower-tail': 0.02 } as const;

/** Far beyond any metric's unit; keeps what is computed from a bound finite. */
const LARGEST_BOUND = 1e15;
const boundFile = z.number().min(-LARGEST_BOUND).max(LARGEST_BOUND);

/** A metric of the experiment's own, as people write it. */
export const ownMetricFile = z.strictObject({
  name: slug,
  path: z
    .string()
    .regex(/^[^/]+(?:\/[^/]+)?$/, 'expected a topic and a field, such as "generation.completed.v1/gpu.memoryMiB"')
    .describe('A topic and a field of its events; of a total, a topic alone counts the events.'),
  kind: z
    .union([
      z.enum(['mean', 'rate', 'probability', 'upper-tail', 'lower-tail', 'ratio', 'total']),
      z
        .string()
        .regex(
          /^p(?:[1-9]|[1-9]\d)(?:\.\d+)?$/,
          'expected mean, rate, probability, ratio, total, upper-tail, lower-tail or a quantile such as p95',
        ),
    ])
    .describe('mean, rate, probability, ratio, total, upper-tail, lower-tail, or a quantile such as p50, p95 or p99'),
  per: z.string().min(1).optional().describe('Denominator of a ratio: a field of the same topic.'),
  direction: z.enum(['higher', 'lower']).describe('Which way is better.'),
  unit: z.string().default(''),
  margin: marginText.optional().describe('What a guardrail on it allows where it names no margin itself.'),
  bounds: z
    .tuple([boundFile, boundFile])
    .optional()
    .describe('Values outside are clipped; without it, control’s first units say what is usual.'),
  where: whereFile.optional(),
  cap: z
    .string()
    .regex(/^p(?:[5-9]\d)(?:\.\d+)?$/, 'expected a quantile from p50 on, such as p99')
    .optional()
    .describe('Of a mean or total: values above this quantile of control’s recent ones count as it.'),
  window: durationOfAtLeast('1s')
    .optional()
    .describe('Of a total: how long a unit’s events are added up, from its first one; shorter than the deadline.'),
});

/** A metric of the experiment's own: what the revision keeps of it, and what the rest of the file may say of it. */
export interface ReadOwnMetric {
  readonly metric: OwnMetric;
  readonly known: KnownMetric;
}

/** Checks the file's own metrics against the fields of the events, and turns them into what the revision keeps. */
export function readOwnMetrics(
  written: readonly z.output<typeof ownMetricFile>[],
  knownMetrics: readonly KnownMetric[],
  complain: Complain,
): readonly ReadOwnMetric[] {
  const seen = new Set(knownMetrics.map(({ name }) => name));
  return written.flatMap((metric, index) => {
    const problems: string[] = [];
    const at: At = (field, message, inside = []) => {
      problems.push(message);
      complain(['metrics', index, field, ...inside], message);
    };
    if (seen.has(metric.name)) at('name', `there is a metric "${metric.name}" already; choose another name`);
    seen.add(metric.name);
    // The topic may be said again.
    const per = metric.per?.replace(`${metric.path.slice(0, metric.path.indexOf('/'))}/`, '');
    const place = placeOf(metric.path, (message) => at('path', message));
    if (place !== null) {
      if (place.path !== EACH_EVENT) checkField(place.topic, place.path, metric.kind, (message) => at('path', message));
      checkTotal(metric, place, at);
      if (per !== undefined) checkDenominator(place.topic, per, metric.kind, (message) => at('per', message));
    }
    checkShape(metric, at);
    const where =
      place === null || metric.where === undefined
        ? undefined
        : readWhere(place.topic, metric.where, (path, message) => at('where', message, path));
    const known = knownOf(metric);
    const margin = metric.margin === undefined ? undefined : readMargin(metric.margin, known);
    if (margin?.fault !== undefined) at('margin', margin.fault);
    if (problems.length > 0 || place === null) return [];
    const { kind, level } = kindOf(metric.kind);
    const kept: OwnMetric = {
      name: metric.name,
      ...place,
      kind,
      level,
      per: per ?? null,
      direction: metric.direction,
      unit: metric.unit,
      margin: margin?.margin ?? null,
      bounds: metric.bounds ?? null,
      ...(where === undefined ? {} : { where }),
      ...(metric.cap === undefined ? {} : { capAt: Number(metric.cap.slice(1)) / 100 }),
      ...(metric.window === undefined ? {} : { windowMs: parseDurationMs(metric.window) }),
    };
    return [{ metric: kept, known }];
  });
}

/** Notes a problem at a field of a metric, or inside of it. */
type At = (field: string, message: string, inside?: readonly PropertyKey[]) => void;

/** Which fields go with which kind. */
function checkShape({ kind, per, bounds, cap }: z.output<typeof ownMetricFile>, at: At): void {
  if ((kind === 'ratio') !== (per !== undefined)) {
    at('per', kind === 'ratio' ? 'a ratio needs "per": the field to divide by' : 'only a ratio has "per"');
  }
  if (bounds && !(bounds[0] < bounds[1])) {
    at('bounds', `expected the lower bound first, found ${bounds.join(' and ')}`);
  }
  if (cap !== undefined && kind !== 'mean' && kind !== 'total') at('cap', 'only a mean or a total has "cap"');
  else if (cap !== undefined && bounds) at('cap', 'there are "bounds" already: expected one of the two');
}

/** What a total adds up, and for how long. Of units that send nothing it would know no total of 0. */
function checkTotal(
  { kind, window }: z.output<typeof ownMetricFile>,
  { topic, path }: { readonly topic: MeasurableTopic; readonly path: string },
  at: At,
): void {
  if (kind !== 'total') {
    if (window !== undefined) at('window', 'only a total has "window"');
    if (path === EACH_EVENT) at('path', `expected a field of ${topic}: only a total counts the events themselves`);
    return;
  }
  if (window === undefined) at('window', 'a total needs "window": how long a unit’s events are added up, such as 1h');
  if (topic === 'feedback.recorded.v1') {
    at(
      'path',
      'who gives no feedback sends nothing, so totals of 0 would be missing: expected another topic, or one of the built-in download-rate, share-rate and regenerate-rate',
    );
  }
}

/** A lower tail is judged by how often values fall into it: the less often the better, whatever is said of the values. */
function knownOf({ name, kind, direction, bounds, unit, path }: z.output<typeof ownMetricFile>): KnownMetric {
  const isShare = kind === 'rate' || kind === 'probability' || kind === 'lower-tail';
  return {
    name,
    use: 'decides',
    direction: kind === 'lower-tail' ? 'lower' : direction,
    largestEffect: isShare ? 1 : bounds ? bounds[1] - bounds[0] : null,
    isShare,
    unit,
    limits: kind !== 'lower-tail',
    // Bounds of a ratio are those of its linearised values; the limit is of the ratio itself.
    ...(isShare ? { range: [0, 1] as const } : bounds === undefined || kind === 'ratio' ? {} : { range: bounds }),
    ...(kind === 'mean' || kind === 'total' || kind === 'probability' ? { isPerUnit: true as const } : {}),
    isNeverPositive: !isShare && bounds !== undefined && bounds[1] <= 0,
    // A copy is one request: what a unit's requests add up to is in no pair.
    ...(kind === 'total' || path.startsWith('feedback.recorded.v1') ? { isUnpaired: true as const } : {}),
  };
}

function placeOf(
  text: string,
  complain: (message: string) => void,
): { readonly topic: MeasurableTopic; readonly path: string } | null {
  const [name = '', path = EACH_EVENT] = text.split('/');
  const topic = measurableTopic.safeParse(name);
  if (topic.success) return { topic: topic.data, path };
  const [nearest] = closest(name, measurableTopic.options, 1);
  const hint = nearest === undefined ? '' : `; nearest: ${nearest}`;
  complain(`unknown topic "${name}"; expected one of: ${measurableTopic.options.join(', ')}${hint}`);
  return null;
}

/** Units' parts of a ratio are added up where their events are read, topic by topic. */
function checkDenominator(
  topic: MeasurableTopic,
  per: string,
  kind: string,
  complain: (message: string) => void,
): void {
  if (!per.includes('/')) checkField(topic, per, kind, complain);
  else {
    complain(
      `"${per}": both parts of a ratio come with the same event, since events of two topics are never joined: expected a field of ${topic}, or two metrics under "quotients"`,
    );
  }
}

function checkField(topic: MeasurableTopic, path: string, kind: string, complain: (message: string) => void): void {
  const type = fieldTypeAt(topic, path);
  if (type === undefined) {
    const fields = [...fieldsOf(topic).keys()];
    const nearest = closest(path, fields, 3);
    complain(
      `${topic} has no number or truth value at "${path}"; ` +
        (nearest.length > 0 ? `nearest: ${nearest.join(', ')}` : `it has: ${fields.join(', ')}`),
    );
  } else if (type === 'boolean' && kind !== 'rate' && kind !== 'total') {
    complain(`${topic}/${path} is true or false: expected kind: rate`);
  } else if (kind === 'rate' && comparedFieldAt(topic, path)?.isShare === true) {
    complain(
      `${topic}/${path} is a number from 0 to 1, of which a rate counts only 0 and 1: expected kind: probability`,
    );
  }
}

function kindOf(written: string): Pick<OwnMetric, 'kind' | 'level'> {
  switch (written) {
    case 'mean':
    case 'rate':
    case 'probability':
    case 'ratio':
    case 'total':
      return { kind: written, level: null };
    case 'upper-tail':
    case 'lower-tail':
      return { kind: written, level: USUAL_LEVEL[written] };
    default:
      return { kind: 'upper-tail', level: Number(written.slice(1)) / 100 };
  }
}
