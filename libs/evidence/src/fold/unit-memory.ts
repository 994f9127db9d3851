const FIRST_CAPACITY = 64;

/** What is kept of a unit beside its hash. */
export interface UnitLayout {
  /** How many yes-or-no facts. */
  readonly bits: number;
  /** How many numbers (sums of the unit's own values). */
  readonly numbers: number;
}

/** Words of a mark: its unit's epoch, then 32 facts a word. */
export function wordCountOf({ bits }: UnitLayout): number {
  return 1 + Math.max(1, Math.ceil(bits / 32));
}

/** What a memory has to hand over so that another one of the same layout continues from the same point. */
export interface UnitChanges {
  /** True: this is the whole memory. False: what changed since the changes before. */
  readonly replaces: boolean;
  /** Hashes of the units, those of the older generation first. */
  readonly units: Float64Array;
  /** Per unit its epoch and the words of its bits, one unit after another. */
  readonly marks: Uint32Array;
  /** Per unit its numbers, one unit after another. */
  readonly numbers: Float64Array;
  /** How many of the units belong to the older generation. */
  readonly older: number;
  readonly refused: number;
}

/** What is known of a unit: which of its first observations were used, the epoch it was seen under last, and sums of its own. */
export interface UnitMark {
  /** The epoch, then 32 facts a word. */
  readonly words: Uint32Array;
  readonly numbers: Float64Array;
}

/** Of a unit that nothing is known of. */
export function blankMark(layout: UnitLayout): UnitMark {
  return { words: new Uint32Array(wordCountOf(layout)), numbers: new Float64Array(layout.numbers) };
}

export function hasBit({ words }: UnitMark, bit: number): boolean {
  return (((words[1 + (bit >>> 5)] as number) >>> (bit & 31)) & 1) === 1;
}

export function setBit({ words }: UnitMark, bit: number): void {
  const word = 1 + (bit >>> 5);
  words[word] = (words[word] as number) | (1 << (bit & 31));
}

/** A small number that is kept in bits of its own. @param at its lowest bit. @param width how many bits it has, at most 16. */
export function readBits({ words }: UnitMark, at: number, width: number): number {
  const word = 1 + (at >>> 5);
  const low = (words[word] as number) >>> (at & 31);
  const above = 32 - (at & 31);
  const high = above < width ? (words[word + 1] as number) << above : 0;
  return (low | high) & ((1 << width) - 1);
}

/** @param value at least 0; what does not fit is cut to the largest number that does. */
export function writeBits({ words }: UnitMark, at: number, width: number, value: number): void {
  const most = (1 << width) - 1;
  const kept = Math.min(value, most);
  const word = 1 + (at >>> 5);
  const shift = at & 31;
  words[word] = ((words[word] as number) & ~(most << shift)) | (kept << shift);
  const above = 32 - shift;
  if (above < width) words[word + 1] = ((words[word + 1] as number) & ~(most >>> above)) | (kept >>> above);
}

/** @param bits which facts are taken back, 32 a word. */
export function clearBits({ words }: UnitMark, bits: Uint32Array): void {
  for (let k = 0; k < bits.length; k++) words[1 + k] = (words[1 + k] as number) & ~(bits[k] as number);
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
  private young: UnitTable;
  private old: UnitTable;
  private isAllChanged = false;
  /** One mark for all answers, so that an event costs no allocation. */
  private readonly mark: UnitMark;
  /** Observations turned away because the memory is full. */
  refused = 0;

  constructor(
    readonly limit: number,
    readonly whenFull: 'forget' | 'refuse',
    private readonly layout: UnitLayout = { bits: 32, numbers: 0 },
  ) {
    this.young = new UnitTable(layout);
    this.old = new UnitTable(layout);
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
      this.young = new UnitTable(this.layout);
    }
    this.young.write(unit, mark, true);
  }

  /** What changed since the last call; the whole memory where it forgets, since what is forgotten is a change too. */
  takeChanges(): UnitChanges {
    const isWhole = this.whenFull === 'forget' || this.isAllChanged;
    const units = this.young.takeChanged();
    this.isAllChanged = false;
    if (isWhole) return this.everything();
    return { replaces: false, units, ...this.marksOf(units, 0), older: 0, refused: this.refused };
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
      this.young = new UnitTable(this.layout);
      this.old = new UnitTable(this.layout);
    }
    const { wordCount } = this.young;
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

  private marksOf(units: Float64Array, older: number): Pick<UnitChanges, 'marks' | 'numbers'> {
    const { wordCount } = this.young;
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

/** Hash → mark. Linear probing, doubled at half load; a key of 0 is an empty slot. */
class UnitTable {
  size = 0;
  /** Words of a mark: the epoch and the bits. */
  readonly wordCount: number;
  private readonly numberCount: number;
  private units = new Float64Array(FIRST_CAPACITY);
  private words: Uint32Array;
  private numbers: Float64Array;
  /** 1 where the unit was written since {@link takeChanged}. */
  private changed = new Uint8Array(FIRST_CAPACITY);
  /** Where the last unit was found: an event is looked up and then written. */
  private lastUnit = 0;
  private lastSlot = 0;

  constructor(layout: UnitLayout) {
    const { numbers } = layout;
    this.wordCount = wordCountOf(layout);
    this.numberCount = numbers;
    this.words = new Uint32Array(FIRST_CAPACITY * this.wordCount);
    this.numbers = new Float64Array(FIRST_CAPACITY * numbers);
  }

  has(unit: number): boolean {
    return this.units[this.slotOf(unit)] !== 0;
  }

  /** Copies the unit's mark into `mark`. @returns false, and leaves `mark` alone, when the unit is not there. */
  read(unit: number, { words, numbers }: UnitMark): boolean {
    const slot = this.slotOf(unit);
    if (this.units[slot] === 0) return false;
    // A few numbers are copied faster one by one than by making views of them.
    const ofWords = slot * this.wordCount;
    for (let k = 0; k < words.length; k++) words[k] = this.words[ofWords + k] as number;
    const ofNumbers = slot * this.numberCount;
    for (let k = 0; k < numbers.length; k++) numbers[k] = this.numbers[ofNumbers + k] as number;
    return true;
  }

  write(unit: number, { words, numbers }: UnitMark, isChange = false): void {
    let slot = this.slotOf(unit);
    if (this.units[slot] === 0) {
      if (2 * (this.size + 1) > this.units.length) {
        this.grow();
        slot = this.slotOf(unit);
      }
      this.units[slot] = unit;
      this.size += 1;
    }
    const ofWords = slot * this.wordCount;
    for (let k = 0; k < words.length; k++) this.words[ofWords + k] = words[k] as number;
    const ofNumbers = slot * this.numberCount;
    for (let k = 0; k < numbers.length; k++) this.numbers[ofNumbers + k] = numbers[k] as number;
    if (isChange) this.changed[slot] = 1;
  }

  /** Hashes of the units that were changed since the last call, ascending. */
  takeChanged(): Float64Array {
    const { changed, units } = this;
    const taken: number[] = [];
    for (let slot = changed.indexOf(1); slot !== -1; slot = changed.indexOf(1, slot + 1)) {
      taken.push(units[slot] as number);
    }
    changed.fill(0);
    return Float64Array.from(taken).sort();
  }

  /** All hashes, ascending: the order in which they came leaves no trace. */
  keys(): Float64Array {
    return this.units.filter((unit) => unit !== 0).sort();
  }

  private slotOf(unit: number): number {
    if (unit === this.lastUnit) return this.lastSlot;
    const { units } = this;
    const last = units.length - 1;
    // The lower half of the hash, which is as good as the whole.
    let slot = unit & last;
    for (;;) {
      const found = units[slot];
      if (found === 0 || found === unit) break;
      slot = (slot + 1) & last;
    }
    this.lastUnit = unit;
    this.lastSlot = slot;
    return slot;
  }

  private grow(): void {
    const { units, words, numbers, changed, wordCount, numberCount } = this;
    this.units = new Float64Array(2 * units.length);
    this.words = new Uint32Array(2 * words.length);
    this.numbers = new Float64Array(2 * numbers.length);
    this.changed = new Uint8Array(2 * changed.length);
    this.lastUnit = 0;
    for (let slot = 0; slot < units.length; slot++) {
      const unit = units[slot] as number;
      if (unit === 0) continue;
      const to = this.slotOf(unit);
      this.units[to] = unit;
      for (let k = 0; k < wordCount; k++) this.words[to * wordCount + k] = words[slot * wordCount + k] as number;
      for (let k = 0; k < numberCount; k++)
        this.numbers[to * numberCount + k] = numbers[slot * numberCount + k] as number;
      this.changed[to] = changed[slot] as number;
    }
    this.lastUnit = 0;
  }
}
