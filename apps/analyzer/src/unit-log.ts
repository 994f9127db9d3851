import type { SweptPage, UnitChanges, UnitMemory } from '#libs/evidence';

/** Numbers of chunks are used again after so many; never are as many needed at a time. */
const RING = 1_024;
/** Chunks of changes in which a whole round through the memory's pages is made. */
const ROUND = 128;
/** Chunks that are needed at a time: about three rounds. Where restarts keep interrupting rounds, one is made at once. */
const MOST_CHUNKS = 640;
/** Units of a chunk, at most: a page of the memory has about as many. */
const MOST_UNITS = 20_000;

/** A part of the unit memory as it is stored. */
export interface UnitChunk {
  /** From 0 to 1,023. */
  readonly number: number;
  readonly changes: UnitChanges;
}

/**
 * The stored form of a unit memory: what changed, chunk after chunk, each about the units that it names as of its time. Now and then a chunk is a
 * whole page of the memory; when all pages have had their turn, the chunks before the first of them are needed no more. So a memory of a million
 * units costs a page of 16,000 at a time, and never has to be written as a whole.
 */
export class UnitLog {
  /** Chunks that no snapshot holds yet. */
  private unsaved: UnitChunk[] = [];
  /** The chunks until the next page's turn. */
  private untilPage = ROUND;
  /** The first chunk of the round that is under way; undefined: none is. */
  private roundFrom: number | undefined;

  /**
   * @param first the oldest chunk that is needed, counted from the beginning.
   * @param next the one after the last.
   */
  constructor(
    private first = 0,
    private next = 0,
  ) {}

  /** What has to be stored to find the chunks again. */
  get extent(): { readonly firstChunk: number; readonly chunks: number } {
    return { firstChunk: this.first % RING, chunks: this.next - this.first };
  }

  /** Takes over what has changed in the memory. @returns numbers of chunks that are needed no more. */
  collect(units: UnitMemory): readonly number[] {
    const { first } = this;
    const changes = units.takeChanges();
    if (changes.replaces) this.replaceAll(changes);
    else if (changes.units.length > 0) this.addChanges(units, changes);
    return Array.from({ length: this.first - first }, (_, k) => (first + k) % RING);
  }

  /** What has to be stored. */
  get waiting(): readonly UnitChunk[] {
    return this.unsaved;
  }

  /** So many of the waiting chunks are stored, the first ones. */
  stored(count: number): void {
    this.unsaved.splice(0, count);
  }

  private addChanges(units: UnitMemory, changes: UnitChanges): void {
    this.untilPage -= this.add(changes);
    while (this.untilPage <= 0 || this.next - this.first > MOST_CHUNKS) this.addPage(units.sweep());
  }

  private addPage({ changes, page, pages }: SweptPage): void {
    if (page === 0) this.roundFrom = this.next;
    this.add(changes);
    this.untilPage += Math.ceil(ROUND / pages);
    if (page < pages - 1 || this.roundFrom === undefined) return;
    this.needFrom(this.roundFrom);
    this.roundFrom = undefined;
  }

  private replaceAll(changes: UnitChanges): void {
    this.needFrom(this.next);
    this.roundFrom = undefined;
    this.untilPage = ROUND;
    this.add(changes);
  }

  private needFrom(first: number): void {
    const dropped = first - this.first;
    const stored = this.next - this.first - this.unsaved.length;
    this.unsaved.splice(0, Math.max(0, dropped - stored));
    this.first = first;
  }

  /** @returns in how many chunks. */
  private add(changes: UnitChanges): number {
    const all = pieces(changes);
    for (const piece of all) this.unsaved.push({ number: this.next++ % RING, changes: piece });
    return all.length;
  }
}

/** The places of stored chunks, in their order. */
export function chunkNumbers({ firstChunk, chunks }: UnitLog['extent']): readonly number[] {
  return Array.from({ length: chunks }, (_, k) => (firstChunk + k) % RING);
}

/** The same in pieces of at most 20,000 units; what replaces everything does so with its first. */
function pieces(changes: UnitChanges): readonly UnitChanges[] {
  const { units, marks, numbers, older } = changes;
  const count = units.length;
  if (count <= MOST_UNITS) return [changes];
  return Array.from({ length: Math.ceil(count / MOST_UNITS) }, (_, piece) => {
    const from = piece * MOST_UNITS;
    const until = Math.min(count, from + MOST_UNITS);
    const cut = <T extends Uint32Array | Float64Array>(all: T): T =>
      all.slice((from * all.length) / count, (until * all.length) / count) as T;
    return {
      ...changes,
      replaces: changes.replaces && piece === 0,
      units: cut(units),
      marks: cut(marks),
      numbers: cut(numbers),
      older: Math.min(until, Math.max(from, older)) - from,
    };
  });
}
