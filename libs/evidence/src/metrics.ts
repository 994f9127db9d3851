import { type DataOf, type Margin, topics } from '#libs/contracts';

/** Topics whose events become observations. */
export type ObservedTopic = 'request.routed.v1' | 'generation.completed.v1' | 'image.scored.v1';

/**
 * How a metric is judged.
 * - `rate`: share of units with a bad event; values 0 and 1.
 * - `mean`: mean of the units' first values.
 * - `upper-tail`: how often values exceed control's 95th percentile; +∞ is a value.
 * - `lower-tail`: how often values fall below control's 2nd percentile.
 */
export type MetricKind = 'rate' | 'mean' | 'upper-tail' | 'lower-tail';

interface MetricOf<T extends ObservedTopic> {
  readonly name: string;
  readonly unit: string;
  readonly direction: 'higher' | 'lower';
  readonly kind: MetricKind;
  readonly scale: 'difference' | 'relative' | 'ln-rate-ratio';
  readonly topic: T;
  /** What people usually accept; the experiment file says what holds. */
  readonly defaultMargin: Margin;
  /** The observation in an event; null: the event says nothing about this metric. Rates: 1 is bad. */
  readonly observe: (data: DataOf<T>) => number | null;
}

export type MetricDefinition = { [T in ObservedTopic]: MetricOf<T> }[ObservedTopic];

/** The quantile of control whose exceedances the tails count. */
export const TAIL_QUANTILE = { 'upper-tail': 0.95, 'lower-tail': 0.02 } as const;

/** Every built-in metric. A new one is an entry here and nothing else. */
export const metricCatalogue: readonly MetricDefinition[] = [
  {
    name: 'error-rate',
    unit: 'share of requests',
    direction: 'lower',
    kind: 'rate',
    scale: 'difference',
    topic: topics.requestRouted.name,
    defaultMargin: { kind: 'absolute', value: 0.005 },
    // Reported by the router, which also sees what a dead upstream can't report. A client's own error or departure is no failure.
    observe: ({ outcome }) => (outcome === 'failed' || outcome === 'timed-out' ? 1 : 0),
  },
  {
    name: 'latency-p95',
    unit: 'ms',
    direction: 'lower',
    kind: 'upper-tail',
    scale: 'relative',
    topic: topics.requestRouted.name,
    defaultMargin: { kind: 'relative', value: 0.1 },
    observe: latencyMs,
  },
  {
    name: 'alignment',
    unit: 'cosine',
    direction: 'higher',
    kind: 'mean',
    scale: 'difference',
    topic: topics.imageScored.name,
    defaultMargin: { kind: 'relative', value: 0.01 },
    observe: ({ alignment }) => alignment,
  },
  {
    name: 'wrong-pictures',
    unit: 'share of pictures',
    direction: 'lower',
    kind: 'lower-tail',
    scale: 'ln-rate-ratio',
    topic: topics.imageScored.name,
    defaultMargin: { kind: 'relative', value: 0.5 },
    observe: ({ alignment }) => alignment,
  },
  {
    name: 'quality',
    unit: 'score',
    direction: 'higher',
    kind: 'mean',
    scale: 'difference',
    topic: topics.imageScored.name,
    defaultMargin: { kind: 'relative', value: 0.02 },
    observe: ({ quality }) => meanOfHeads(quality),
  },
  {
    name: 'cost-per-image',
    unit: 'cost',
    direction: 'lower',
    kind: 'mean',
    scale: 'difference',
    topic: topics.generationCompleted.name,
    defaultMargin: { kind: 'relative', value: 0.05 },
    observe: ({ outcome, cost, images }) =>
      outcome === 'succeeded' && images.length > 0 ? cost / images.length : null,
  },
];

/** Names an experiment file may guard or aim for. */
export const metricNames: readonly string[] = metricCatalogue.map(({ name }) => name);

/**
 * A request that timed out, or whose client gave up waiting, took longer than any other: +∞, never dropped.
 * A failed one is the error rate's business; how fast it failed is no latency.
 */
function latencyMs({ outcome, durationMs }: DataOf<'request.routed.v1'>): number | null {
  switch (outcome) {
    case 'succeeded':
      return durationMs ?? Infinity;
    case 'timed-out':
    case 'cancelled':
      return Infinity;
    case 'failed':
    case 'client-error':
      return null;
    default:
      return outcome satisfies never;
  }
}

function meanOfHeads(quality: Readonly<Record<string, number>>): number | null {
  const heads = Object.keys(quality).sort();
  if (heads.length === 0) return null;
  let sum = 0;
  for (const head of heads) sum += quality[head] as number;
  return sum / heads.length;
}
