import { MILLION, type WeightsPpm } from '#libs/contracts';

/** Buckets `from` (inclusive) to `to` (exclusive), of a million, that belong to a variant. */
export interface Segment {
  readonly variant: string;
  readonly from: number;
  readonly to: number;
}

/** Segments of all variants but control, in order and without overlap; control has every bucket between them. */
export interface Layout {
  readonly control: string;
  readonly segments: readonly Segment[];
}

/**
 * Which buckets belong to whom. Chosen so that a change of weights moves as few units as can be:
 *
 * - One candidate has the buckets from 0 up to its weight. Raising the weight adds buckets above, lowering takes them away
 *   above: nobody who has the candidate loses it when its share rises, and only as many as must lose it when it falls.
 * - Two candidates: the first grows from 0 upwards, the second from the top downwards. They meet only when control has nothing
 *   left, so the same holds for each of them whatever the other does.
 * - With three or more, every two share a lane in proportion to their number and grow toward each other in it. As long as no
 *   candidate has more than its home (a million ÷ candidates), and so at every step of an equal ramp, the same holds again. Beyond its
 *   home a candidate takes what its lane leaves, then free buckets of other lanes; if their owners grow later, it would have to give
 *   those back. (No layout that follows from the weights alone does better: with three candidates each of which may reach
 *   100 %, the order in which the second fills must be the reverse of the first's, and the third's the reverse of both.) There an order
 *   follows the one before it, and says so: see `layoutAfter`.
 *
 * Candidates are ordered by name, so the order of keys in a message doesn't matter.
 * @param variants all variants of the experiment, also those whose weight is 0 or missing at present
 */
export function layoutOf(control: string, variants: readonly string[], weightsPpm: WeightsPpm): Layout {
  const candidates = candidatesInOrder(control, variants);
  const lanes = pairUp(candidates).map((pair, index) => fillLane(pair, index * 2, candidates.length, weightsPpm));
  const segments = lanes.flatMap((lane) => lane.segments);
  const overflow = lanes.flatMap((lane) => lane.overflow);
  return { control, segments: settle(inOrder(segments), overflow) };
}

/** By name, so that the order of keys in a message doesn't matter. */
export function candidatesInOrder(control: string, variants: readonly string[]): readonly string[] {
  return variants.filter((variant) => variant !== control).sort(byCodeUnits);
}

/** Distribution: the variant of a bucket. */
export function variantOf(layout: Layout, bucket: number): string {
  for (const segment of layout.segments) {
    if (bucket < segment.from) return layout.control;
    if (bucket < segment.to) return segment.variant;
  }
  return layout.control;
}

interface Lane {
  readonly segments: readonly Segment[];
  readonly overflow: readonly Overflow[];
}

interface Overflow {
  readonly variant: string;
  readonly buckets: number;
}

function pairUp(candidates: readonly string[]): readonly (readonly [string, string?])[] {
  const pairs: [string, string?][] = [];
  for (let index = 0; index < candidates.length; index += 2) {
    pairs.push([candidates[index] as string, candidates[index + 1]]);
  }
  return pairs;
}

function fillLane(
  [upward, downward]: readonly [string, string?],
  firstIndex: number,
  candidates: number,
  weightsPpm: WeightsPpm,
): Lane {
  const members = downward === undefined ? 1 : 2;
  const from = Math.floor((MILLION * firstIndex) / candidates);
  const to = Math.floor((MILLION * (firstIndex + members)) / candidates);
  const size = to - from;
  const upwardWeight = weightsPpm[upward] ?? 0;
  const downwardWeight = downward === undefined ? 0 : (weightsPpm[downward] ?? 0);
  const home = downward === undefined ? size : Math.floor(size / 2);
  const upwardTakes = Math.min(upwardWeight, Math.max(home, size - downwardWeight));
  const downwardTakes = Math.min(downwardWeight, size - upwardTakes);
  const segments = [{ variant: upward, from, to: from + upwardTakes }];
  const overflow = [{ variant: upward, buckets: upwardWeight - upwardTakes }];
  if (downward !== undefined) {
    segments.push({ variant: downward, from: to - downwardTakes, to });
    overflow.push({ variant: downward, buckets: downwardWeight - downwardTakes });
  }
  return { segments: segments.filter(notEmpty), overflow: overflow.filter(({ buckets }) => buckets > 0) };
}

/** Puts what did not fit into its lane into free buckets, from the lowest upwards. */
function settle(segments: readonly Segment[], overflow: readonly Overflow[]): readonly Segment[] {
  const [next, ...others] = overflow;
  if (!next) return segments;
  let left = next.buckets;
  const taken = gapsBetween(segments).map(({ from, to }) => {
    const takes = Math.min(left, to - from);
    left -= takes;
    return { variant: next.variant, from, to: from + takes };
  });
  return settle(inOrder([...segments, ...taken.filter(notEmpty)]), others);
}

function gapsBetween(segments: readonly Segment[]): readonly { readonly from: number; readonly to: number }[] {
  const starts = [0, ...segments.map(({ to }) => to)];
  const ends = [...segments.map(({ from }) => from), MILLION];
  return starts.map((from, index) => ({ from, to: ends[index] as number })).filter(notEmpty);
}

function inOrder(segments: readonly Segment[]): readonly Segment[] {
  return [...segments].sort((left, right) => left.from - right.from);
}

function notEmpty({ from, to }: { readonly from: number; readonly to: number }): boolean {
  return to > from;
}

function byCodeUnits(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
