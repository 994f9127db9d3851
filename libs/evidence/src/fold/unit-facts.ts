import type { ObservedTopic, RequestTopic } from '../catalogue/definition.js';
import type { EvidenceDesign, MetricDesign, MetricReader } from '../catalogue/evidence-design.js';
import type { Method } from '../kinds/method.js';
import { methodOf, type MetricEvidence } from '../kinds/metric-evidence.js';
import { blankMark, setBit, type UnitLayout } from './unit-mark.js';

/** Facts of a unit's mark beside the metrics' own: seen at all, and got what it asked for (and so counted for the coverage). */
export const SEEN_BIT = 0;
export const COVERED_BIT = 1;
/** In which window the unit was seen last, see `RestartedTilt`: its bad events are those of that window. */
export const WINDOW_AT = 2;
export const WINDOW_BITS = 5;
/** Where requests are read: how many the unit has made under its allocation, up to {@link REQUESTS_BITS} bits. */
export const REQUESTS_AT = WINDOW_AT + WINDOW_BITS;
export const REQUESTS_BITS = 12;

/** The facts before this one are in the same place whatever the metrics are. */
export function firstMetricBit(topic: ObservedTopic | null): number {
  return topic === null || topic === 'request.routed.v1' ? REQUESTS_AT + REQUESTS_BITS : REQUESTS_AT;
}

/** A ratio's sum, denominator and number of events. */
const NUMBERS_OF_RATIO = 3;

/** Where a unit's mark says what is known of the unit and one metric. */
export interface MetricPlace {
  /** It has been measured. */
  readonly measuredBit: number;
  /** It has had a bad event in the window its mark is of (rates and tails); null for all others. */
  readonly badBit: number | null;
  /** Where its own sum, denominator and number of events are (ratios); null for all others. */
  readonly numbersAt: number | null;
}

/**
 * Which place in the units' marks belongs to which metric. Marks say nothing without it: it is stored with them, by the metrics'
 * names, and a memory that comes back to other metrics is written over place by place.
 */
export interface UnitFacts {
  /** All metrics of the design. */
  readonly metrics: readonly MetricDesign[];
  /** Those of the topic that read events. */
  readonly places: ReadonlyMap<MetricDesign, MetricPlace>;
  /** The same by topic, with how they read it: what the fold goes through for every event. */
  readonly readers: PlacedReaders;
  /** Those of them whose value is a unit's total over a window. */
  readonly totals: PlacedReaders;
  readonly layout: UnitLayout;
  /** All `badBit`s, 32 facts a word: what a new window clears. */
  readonly badBits: Uint32Array;
  /** Whose events are folded; null: those of any topic. */
  readonly topic: ObservedTopic | null;
}

type PlacedReaders = { readonly [T in RequestTopic]: readonly PlacedReader<T>[] };

/** Kinds whose harm is looked for in the first bad event of a unit as well. */
function hasBadEvents({ test, definition: { kind } }: MetricDesign): boolean {
  return test !== null && (kind === 'rate' || kind === 'upper-tail' || kind === 'lower-tail');
}

interface PlacedReader<T extends RequestTopic> extends MetricReader<T>, MetricAtHand {
  readonly place: MetricPlace;
}

/** What the fold would have to look up by a metric's name or kind for every event. */
export interface MetricAtHand {
  readonly metric: MetricDesign;
  /** Where a pair has the metric's evidence at hand, see `PairEvidence.atHand`. */
  readonly at: number;
  /** Of the metric's kind. */
  readonly observe: Method<MetricEvidence>['observe'];
}

/** @param topic whose events are folded; null: those of any topic. */
export function unitFacts(
  { metrics, readers }: Pick<EvidenceDesign, 'metrics' | 'readers'>,
  topic: ObservedTopic | null,
): UnitFacts {
  const places = new Map<MetricDesign, MetricPlace>();
  let bits = firstMetricBit(topic);
  let numbers = 0;
  for (const metric of metrics) {
    const { kind } = metric.definition;
    if (!metric.isCollected || (topic !== null && metric.definition.topic !== topic)) continue;
    places.set(metric, {
      measuredBit: bits++,
      badBit: hasBadEvents(metric) ? bits++ : null,
      numbersAt: kind === 'ratio' ? numbers : null,
    });
    if (kind === 'ratio') numbers += NUMBERS_OF_RATIO;
  }
  return {
    metrics,
    places,
    readers: placedReaders(readers, places, false),
    totals: placedReaders(readers, places, true),
    layout: { bits, numbers },
    badBits: badBitsOf(places, bits),
    topic,
  };
}

function badBitsOf(places: UnitFacts['places'], bits: number): Uint32Array {
  const mark = blankMark({ bits, numbers: 0 });
  for (const { badBit } of places.values()) if (badBit !== null) setBit(mark, badBit);
  return mark.words.subarray(1);
}

/** @param areTotals which of them: those of totals, or all others. */
function placedReaders(
  readers: EvidenceDesign['readers'],
  places: UnitFacts['places'],
  areTotals: boolean,
): PlacedReaders {
  return {
    'request.routed.v1': placed(readers['request.routed.v1'], places, areTotals),
    'generation.completed.v1': placed(readers['generation.completed.v1'], places, areTotals),
    'image.scored.v1': placed(readers['image.scored.v1'], places, areTotals),
    'feedback.recorded.v1': placed(readers['feedback.recorded.v1'], places, areTotals),
  };
}

function placed<T extends RequestTopic>(
  readers: readonly MetricReader<T>[],
  places: UnitFacts['places'],
  areTotals: boolean,
): readonly PlacedReader<T>[] {
  const metrics = [...places.keys()];
  return readers.flatMap(({ metric, read }) => {
    const place = places.get(metric);
    const isTotal = metric.definition.windowMs !== undefined;
    if (!place || isTotal !== areTotals) return [];
    const { observe } = methodOf(metric.definition.kind);
    return [{ metric, read, place, at: metrics.indexOf(metric), observe }];
  });
}
