import type { IncomingRecord } from '../../event-bus.js';
import type { PartitionSource } from '../partition-consumer.js';
import { WakeUp } from '../wake-up.js';

type Fetch = (fromOffset: number) => Promise<readonly IncomingRecord[]>;

/** Bounds of the newest records kept in memory per partition. */
const MOST_RECORDS = 1_000;
const MOST_BYTES = 1_000_000;

/**
 * One partition as this process knows it, shared by all its groups: where the log ends, and its newest records. Groups that keep up
 * read from memory, whatever their number; what this process published itself is never read back. A group that is behind reads from
 * the database.
 */
export class PartitionLog implements PartitionSource {
  private readonly wakeUp = new WakeUp();
  private knownEnd = 0;
  /** The newest records without holes: everything the database has from `tailStart` to `tailEnd`. */
  private tail: IncomingRecord[] = [];
  private tailBytes = 0;
  private tailStart = 0;
  private tailEnd = 0;
  private readonly fetching = new Map<number, Promise<readonly IncomingRecord[]>>();

  constructor(private readonly fetch: Fetch) {}

  /** The offset of the next record, as far as this process has heard. */
  get end(): number {
    return this.knownEnd;
  }

  /** The log is known to reach to `end`. */
  advance(end: number): void {
    if (end <= this.knownEnd) return;
    this.knownEnd = end;
    this.wakeUp.ring();
  }

  /** Takes records that were just appended, in order and without holes. */
  append(records: readonly IncomingRecord[]): void {
    const start = records[0]!.offset;
    const end = records[records.length - 1]!.offset + 1;
    // Records of another process lie between: they have to be read, and then these with them.
    if (start === this.tailEnd || start >= this.knownEnd) this.remember(records, start, end);
    this.advance(end);
  }

  async read(position: number, max: number): Promise<{ records: readonly IncomingRecord[]; nextOffset: number }> {
    if (position >= this.knownEnd) return { records: [], nextOffset: position };
    const end = this.knownEnd;
    if (position < this.tailStart || position >= this.tailEnd) {
      const fetched = await this.fetchOnce(position);
      if (fetched.length > 0) this.remember(fetched, position, fetched[fetched.length - 1]!.offset + 1);
      return batchOf(fetched.slice(0, max), fetched.length === 0 ? end : position);
    }
    const first = firstAtOrAfter(this.tail, position);
    const records = this.tail.slice(first, first + max);
    return batchOf(records, records.length === 0 ? this.tailEnd : position);
  }

  async waitFor(position: number, cancelled: AbortSignal): Promise<void> {
    if (position >= this.knownEnd) await this.wakeUp.wait(cancelled);
  }

  /** Groups at the same position share one read. */
  private fetchOnce(position: number): Promise<readonly IncomingRecord[]> {
    const running = this.fetching.get(position);
    if (running) return running;
    const fetching = this.fetch(position).finally(() => this.fetching.delete(position));
    this.fetching.set(position, fetching);
    return fetching;
  }

  /** Keeps records as the tail if they prolong it or lie beyond it; what is read by somebody far behind is not kept. */
  private remember(records: readonly IncomingRecord[], start: number, end: number): void {
    if (end <= this.tailEnd) return;
    if (start !== this.tailEnd) {
      this.tail = [];
      this.tailBytes = 0;
      this.tailStart = start;
    }
    for (const record of records) {
      this.tail.push(record);
      this.tailBytes += sizeOf(record);
    }
    this.tailEnd = end;
    if (this.tail.length > MOST_RECORDS || this.tailBytes > MOST_BYTES) this.forgetOlderHalf();
  }

  private forgetOlderHalf(): void {
    let kept = this.tail.length;
    let bytes = 0;
    while (kept > 0 && this.tail.length - kept < MOST_RECORDS / 2 && bytes < MOST_BYTES / 2) {
      bytes += sizeOf(this.tail[--kept]!);
    }
    this.tail = this.tail.slice(kept);
    this.tailBytes = bytes;
    this.tailStart = this.tail[0]!.offset;
  }
}

function batchOf(
  records: readonly IncomingRecord[],
  position: number,
): { records: readonly IncomingRecord[]; nextOffset: number } {
  const last = records[records.length - 1];
  return { records, nextOffset: last ? last.offset + 1 : position };
}

function sizeOf(record: IncomingRecord): number {
  return 200 + (record.value?.length ?? 0);
}

function firstAtOrAfter(records: readonly IncomingRecord[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
