import { blankMark, type UnitLayout, type UnitMark, wordCountOf } from './unit-mark.js';
import { UnitPages } from './unit-pages.js';

/** What a memory has to hand over so that another one of the same layout continues from the same point. */
export interface UnitChanges {
  /** True: this is the whole memory. False: what changed since the changes before. */
  readonly replaces: boolean;
  /** Hashes of the units, those of the older generation first. */
  readonly units: Float64Array;
  /** Per unit its allocation and the words of its bits, one unit after another. */
  readonly marks: Uint32Array;
  /** Per unit its numbers, one unit after another. */
  readonly numbers: Float64Array;
  /** How many of the units belong to the older generation. */
  readonly older: number;
  readonly refused: number;
}

/** One of the pages that a memory consists of. */
export interface SweptPage {
  readonly changes: UnitChanges;
  /** From 0 on. */
  readonly page: number;
  /** How many there are now. */
  readonly pages: number;
}

/**
 * Remembers which units have been seen, and for what: only a unit's first observation was drawn at random anew.
 *
 * Units are known by a 53-bit hash (among a million units the chance that any two share one is 6 in 100,000), in open
 * addressing over typed arrays: a slot takes 13 bytes, 4 more per 32 facts and 8 per number, and there are 2 to 4 slots a unit.
 *
 * `limit` bounds how many are kept. Where units never come back (requests) the oldest may be forgotten (`forget`): two
 * generations, the older one dropped when the younger is full. Where they do (users, sessions) a forgotten unit's return would
 * pass for a new draw, so the memory stays as it is and new units are turned away (`refuse`).
 */
export class UnitMemory {
  private young: UnitPages;
  private old: UnitPages;
  private isAllChanged = false;
  /** Which page {@link sweep} hands over next. */
  private nextPage = 0;
  /** One mark for all answers, so that an event costs no allocation. */
  private readonly mark: UnitMark;
  /** Observations turned away because the memory is full. */
  refused = 0;

  constructor(
    readonly limit: number,
    readonly whenFull: 'forget' | 'refuse',
    private readonly layout: UnitLayout = { bits: 32, numbers: 0 },
  ) {
    const isEmptyForGood = limit === 0 && whenFull === 'refuse';
    this.young = isEmptyForGood ? NO_PAGES : new UnitPages(layout);
    this.old = isEmptyForGood ? NO_PAGES : new UnitPages(layout);
    this.mark = blankMark(layout);
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  /**
   * The unit's mark, all zeros for one never seen; null when the memory is full and turns it away. The mark is the memory's own and good
   * until the next call; what is changed in it is kept by {@link remember}.
   */
  recall(unit: number): UnitMark | null {
    if (this.young.read(unit, this.mark) || this.old.read(unit, this.mark)) return this.mark;
    if (this.whenFull === 'refuse' && this.young.size >= this.limit) {
      this.refused += 1;
      return null;
    }
    this.mark.words.fill(0);
    this.mark.numbers.fill(0);
    return this.mark;
  }

  remember(unit: number, mark: UnitMark): void {
    if (this.whenFull === 'forget' && this.young.size >= this.limit && !this.young.has(unit)) {
      this.old = this.young;
      this.young = new UnitPages(this.layout);
    }
    this.young.write(unit, mark, true);
  }

  /** What changed since the last call; the whole memory where it forgets, since what is forgotten is a change too. */
  takeChanges(): UnitChanges {
    const isWhole = this.whenFull === 'forget' || this.isAllChanged;
    const units = this.young.takeChanged();
    this.isAllChanged = false;
    return isWhole ? this.everything() : this.changesOf(units);
  }

  /**
   * The next page as it is now, whatever has changed: one call after the other goes round. Together with the changes since the first page of a round
   * its pages are everything that is known, so that changes from before it need not be kept. Not for a memory that forgets.
   */
  sweep(): SweptPage {
    const pages = this.young.pageCount;
    // There may be fewer than before, where another memory has taken the place of this one.
    const page = this.nextPage % pages;
    this.nextPage = (page + 1) % pages;
    return { changes: this.changesOf(this.young.keysOf(page)), page, pages };
  }

  everything(): UnitChanges {
    const old = this.old.keys();
    const young = this.young.keys();
    const units = new Float64Array(old.length + young.length);
    units.set(old);
    units.set(young, old.length);
    return {
      replaces: true,
      units,
      ...this.marksOf(units, old.length),
      older: old.length,
      refused: this.refused,
    };
  }

  apply(changes: UnitChanges): void {
    if (changes.replaces) {
      this.young = new UnitPages(this.layout);
      this.old = new UnitPages(this.layout);
    }
    const wordCount = wordCountOf(this.layout);
    const { numbers } = this.layout;
    changes.units.forEach((unit, index) => {
      (index < changes.older ? this.old : this.young).write(unit, {
        words: changes.marks.subarray(index * wordCount, (index + 1) * wordCount),
        numbers: changes.numbers.subarray(index * numbers, (index + 1) * numbers),
      });
    });
    this.refused = changes.refused;
  }

  /** Makes the next {@link takeChanges} hand over the whole memory. */
  handOverAll(): void {
    this.isAllChanged = true;
  }

  /** The young ones among what is known, as they are now. */
  private changesOf(units: Float64Array): UnitChanges {
    return { replaces: false, units, ...this.marksOf(units, 0), older: 0, refused: this.refused };
  }

  private marksOf(units: Float64Array, older: number): Pick<UnitChanges, 'marks' | 'numbers'> {
    const wordCount = wordCountOf(this.layout);
    const marks = new Uint32Array(units.length * wordCount);
    const numbers = new Float64Array(units.length * this.layout.numbers);
    units.forEach((unit, index) => {
      (index < older ? this.old : this.young).read(unit, this.mark);
      marks.set(this.mark.words, index * wordCount);
      numbers.set(this.mark.numbers, index * this.layout.numbers);
    });
    return { marks, numbers };
  }
}

/** Of a memory that remembers nobody, as merged evidence has one: nothing is ever written there. */
const NO_PAGES = new UnitPages({ bits: 32, numbers: 0 });
