import type { MetricDesign } from '../catalogue/evidence-design.js';
import { firstMetricBit, type MetricPlace, type UnitFacts } from '../fold/unit-facts.js';
import { hasBit, setBit, type UnitLayout, type UnitMark, wordCountOf } from '../fold/unit-mark.js';
import type { UnitChanges, UnitMemory } from '../fold/unit-memory.js';

/** Where the stored marks say what. */
export interface StoredFacts {
  readonly layout: UnitLayout;
  /** Of the metrics that go on. */
  readonly places: ReadonlyMap<MetricDesign, MetricPlace>;
}

/** How a mark is written over. */
interface Translation {
  readonly from: UnitLayout;
  readonly to: UnitLayout;
  readonly bits: readonly (readonly [from: number, to: number])[];
  readonly numbers: readonly (readonly [from: number, to: number])[];
  /** Facts of metrics that are new to a unit seen before. */
  readonly spent: readonly number[];
}

/**
 * Fills the memory with stored marks. Where other metrics had other places in them, each mark is written over place by place, and the
 * whole memory is handed over by its next `takeChanges`.
 *
 * To a metric that is new, every unit in the memory has had its first value already: a later one is not drawn at random any more,
 * since a variant may have kept or driven away the units that come back.
 */
export function restoreUnits(
  memory: UnitMemory,
  changes: readonly UnitChanges[],
  stored: StoredFacts,
  now: UnitFacts,
): void {
  const translation = translationOf(stored, now);
  for (const change of changes) memory.apply(translation ? translate(change, translation) : change);
  if (translation) memory.handOverAll();
}

/** Null where every metric has the place it had. */
function translationOf(stored: StoredFacts, now: UnitFacts): Translation | null {
  const bits = Array.from({ length: firstMetricBit(now.topic) }, (_, bit): [number, number] => [bit, bit]);
  const numbers: [number, number][] = [];
  const spent: number[] = [];
  for (const [metric, place] of now.places) {
    const before = stored.places.get(metric);
    move(before?.measuredBit ?? null, place.measuredBit);
    if (place.badBit !== null) move(before?.badBit ?? null, place.badBit);
    if (place.numbersAt === null || !before || before.numbersAt === null) continue;
    for (const k of [0, 1, 2]) numbers.push([before.numbersAt + k, place.numbersAt + k]);
  }
  const isMoved = [...bits, ...numbers].some(([from, to]) => from !== to) || spent.length > 0;
  const isSameLayout = stored.layout.bits === now.layout.bits && stored.layout.numbers === now.layout.numbers;
  return isMoved || !isSameLayout ? { from: stored.layout, to: now.layout, bits, numbers, spent } : null;

  function move(from: number | null, to: number): void {
    if (from === null) spent.push(to);
    else bits.push([from, to]);
  }
}

function translate(change: UnitChanges, { from, to, bits, numbers, spent }: Translation): UnitChanges {
  const count = change.units.length;
  const marks = new Uint32Array(count * wordCountOf(to));
  const sums = new Float64Array(count * to.numbers);
  for (let index = 0; index < count; index++) {
    const old = markAt(change.marks, change.numbers, from, index);
    const mark = markAt(marks, sums, to, index);
    mark.words[0] = old.words[0] as number;
    for (const [at, toBit] of bits) if (hasBit(old, at)) setBit(mark, toBit);
    for (const bit of spent) setBit(mark, bit);
    for (const [at, toNumber] of numbers) mark.numbers[toNumber] = old.numbers[at] as number;
  }
  return { ...change, marks, numbers: sums };
}

function markAt(marks: Uint32Array, sums: Float64Array, layout: UnitLayout, index: number): UnitMark {
  const words = wordCountOf(layout);
  return {
    words: marks.subarray(index * words, (index + 1) * words),
    numbers: sums.subarray(index * layout.numbers, (index + 1) * layout.numbers),
  };
}
