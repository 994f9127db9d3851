import { PositionMismatchError, type KeptPosition, type SubscriptionOptions } from '../event-bus.js';

/** What a partition has. */
export interface PartitionExtent {
  /** See `RecordBatch.log`. */
  readonly log: string;
  /** Offset of the first record that is kept. */
  readonly low: number;
  /** Offset of the next record. */
  readonly high: number;
}

/** Whose position it is, and where it goes on without one. */
export interface StartingPlace {
  readonly subscription: Pick<SubscriptionOptions, 'group' | 'startFrom' | 'isLasting'>;
  readonly topic: string;
  readonly partition: number;
}

/**
 * The offset that a partition starts from.
 * @param kept what is kept of it, by whomever; undefined: nothing is
 * @throws PositionMismatchError where it belongs to another log, or to no record that this one has or will have next
 */
export function startingOffset(
  kept: KeptPosition | number | undefined,
  extent: PartitionExtent,
  place: StartingPlace,
): number {
  const { startFrom = 'earliest', isLasting = true } = place.subscription;
  const { offset, log } = typeof kept === 'number' ? { offset: kept, log: null } : (kept ?? NOTHING);
  if (typeof offset === 'number') {
    const fault = faultOf({ offset, log }, extent);
    if (fault === undefined) return offset;
    if (isLasting) throw mismatch(place, offset, fault);
  }
  return (typeof offset === 'string' ? offset : startFrom) === 'latest' ? extent.high : extent.low;
}

const NOTHING = { offset: undefined, log: null };

function faultOf(
  { offset, log }: { readonly offset: number; readonly log: string | null },
  extent: PartitionExtent,
): string | undefined {
  if (log !== null && log !== extent.log) return `of another log (${log}; this one is ${extent.log})`;
  if (offset < extent.low)
    return `and the log begins at ${extent.low}: ${extent.low - offset} records were deleted before it had read them`;
  if (offset > extent.high) return `and the log ends at ${extent.high}: it is not the one that was read`;
  return undefined;
}

function mismatch(
  { subscription, topic, partition }: StartingPlace,
  offset: number,
  what: string,
): PositionMismatchError {
  const { group } = subscription;
  return new PositionMismatchError(
    `the group ${group} stands at offset ${offset} of ${topic}[${partition}], ${what}. Nothing is read there until somebody says where it goes on: ` +
      `teststrip positions reset ${group} --to earliest (or latest); docs/storage.md has what that means`,
  );
}
