import { type Evidence, mergeEvidence } from '#libs/evidence';

/** What one partition of one topic says of an experiment, and how often that has changed. */
export interface CountedEvidence {
  readonly evidence: Evidence;
  readonly changes: number;
}

/**
 * The evidence of all parts of an experiment together. Sums of two halves of the parts, of their halves and so on are kept, and made anew only where
 * a part has changed: an event changes one part, which is as many sums as the number of parts can be halved. The same parts give the same total bit for
 * bit, whatever was summed before.
 */
export class MergedTotal {
  private last: readonly Readonly<CountedEvidence>[] = [];
  /** By the first part and the one after the last. */
  private sums = new Map<string, Evidence>();

  /**
   * @param parts in the same order every time. What is returned is good until one of them changes.
   * @throws RangeError without parts.
   */
  of(parts: readonly CountedEvidence[]): Evidence {
    if (parts.length === 0) throw new RangeError('expected at least one part that says something of the experiment');
    const { last } = this;
    if (parts.length !== last.length) this.sums.clear();
    const isChanged = parts.map(
      ({ evidence, changes }, k) => evidence !== last[k]?.evidence || changes !== last[k]?.changes,
    );
    this.last = parts.map(({ evidence, changes }) => ({ evidence, changes }));
    return this.sumOf(parts, isChanged, 0, parts.length);
  }

  private sumOf(
    parts: readonly CountedEvidence[],
    isChanged: readonly boolean[],
    from: number,
    until: number,
  ): Evidence {
    if (until - from === 1) return (parts[from] as CountedEvidence).evidence;
    const place = `${from}-${until}`;
    const known = this.sums.get(place);
    if (known && !isChanged.slice(from, until).includes(true)) return known;
    const middle = (from + until) >>> 1;
    const sum = mergeEvidence(this.sumOf(parts, isChanged, from, middle), this.sumOf(parts, isChanged, middle, until));
    this.sums.set(place, sum);
    return sum;
  }
}
