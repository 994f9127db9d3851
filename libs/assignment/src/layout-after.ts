import { MILLION, type WeightsPpm } from '#libs/contracts';
import { candidatesInOrder, layoutOf, variantOf, type Layout, type Segment } from './layout.js';

interface Buckets {
  readonly from: number;
  readonly to: number;
}

/** Of one variant or of nobody; in order and without overlap. */
type Ranges = readonly Buckets[];

const ALL: Ranges = [{ from: 0, to: MILLION }];

/**
 * Which buckets belong to whom under new weights, where a layout is in force already: a candidate whose share does not fall loses nobody, one whose share falls
 * loses exactly as many as it falls by, whatever the others do and however many there are.
 *
 * From the weights alone no layout does that for three or more candidates. So each keeps what it has, and is led as far as can be towards the
 * layout that the weights alone would give ({@link layoutOf}): where that one moves nobody needlessly, it is the answer.
 */
export function layoutAfter(before: Layout, variants: readonly string[], weightsPpm: WeightsPpm): Layout {
  const target = layoutOf(before.control, variants, weightsPpm);
  const names = candidatesInOrder(before.control, variants);
  const wanted = new Map(names.map((name) => [name, rangesOf(target, name)]));
  const kept = new Map<string, Ranges>();
  for (const name of names) {
    kept.set(name, keepOf(rangesOf(before, name), wanted.get(name) as Ranges, weightsPpm[name] ?? 0));
  }
  let free = [...kept.values()].reduce((rest, ranges) => without(rest, ranges), ALL);
  const grow = (name: string, from: Ranges): void => {
    const has = kept.get(name) as Ranges;
    const taken = lowest(from, (weightsPpm[name] ?? 0) - sizeOf(has));
    kept.set(name, joined([...has, ...taken]));
    free = without(free, taken);
  };
  for (const name of names) grow(name, common(free, wanted.get(name) as Ranges));
  for (const name of names) grow(name, free);
  const segments = [...kept].flatMap(([variant, ranges]) => ranges.map((range): Segment => ({ variant, ...range })));
  return { control: before.control, segments: segments.sort((left, right) => left.from - right.from) };
}

/** Whether every bucket belongs to the same variant in both. */
export function isSameLayout(left: Layout, right: Layout): boolean {
  const edges = [left, right].flatMap(({ segments }) => segments.flatMap(({ from, to }) => [from, to]));
  return [0, ...edges].every((edge) => edge === MILLION || variantOf(left, edge) === variantOf(right, edge));
}

/** What a candidate goes on with: all that it has, or of that as much as its share is now, first what it would have anyway. */
function keepOf(has: Ranges, wanted: Ranges, weight: number): Ranges {
  if (weight >= sizeOf(has)) return has;
  const first = lowest(common(has, wanted), weight);
  return joined([...first, ...lowest(without(has, first), weight - sizeOf(first))]);
}

function rangesOf({ segments }: Layout, name: string): Ranges {
  return joined(segments.filter(({ variant }) => variant === name).map(({ from, to }) => ({ from, to })));
}

function sizeOf(ranges: Ranges): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** So many buckets, from the lowest upwards; all of them where there are fewer. */
function lowest(ranges: Ranges, buckets: number): Ranges {
  let left = Math.max(0, buckets);
  return ranges
    .map(({ from, to }) => {
      const takes = Math.min(left, to - from);
      left -= takes;
      return { from, to: from + takes };
    })
    .filter(isNotEmpty);
}

function common(left: Ranges, right: Ranges): Ranges {
  const parts = left.flatMap((one) =>
    right.map((other) => ({ from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) })),
  );
  return joined(parts.filter(isNotEmpty));
}

function without(ranges: Ranges, taken: Ranges): Ranges {
  return taken.reduce<Ranges>(
    (rest, { from, to }) =>
      rest
        .flatMap((range) => [
          { from: range.from, to: Math.min(range.to, from) },
          { from: Math.max(range.from, to), to: range.to },
        ])
        .filter(isNotEmpty),
    ranges,
  );
}

/** In order, neighbours as one. */
function joined(ranges: Ranges): Ranges {
  const parts: Buckets[] = [];
  for (const range of [...ranges].sort((left, right) => left.from - right.from)) {
    const last = parts.at(-1);
    if (last?.to === range.from) parts[parts.length - 1] = { from: last.from, to: range.to };
    else parts.push(range);
  }
  return parts;
}

function isNotEmpty({ from, to }: Buckets): boolean {
  return to > from;
}
