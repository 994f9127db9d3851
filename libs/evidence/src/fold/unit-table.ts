import { blankMark, type UnitLayout, type UnitMark, wordCountOf } from './unit-mark.js';

const FIRST_CAPACITY = 64;

/** Hash → mark. Linear probing, doubled at half load; a key of 0 is an empty slot. */
export class UnitTable {
  size = 0;
  /** Words of a mark: the allocation and the bits. */
  private readonly wordCount: number;
  private readonly numberCount: number;
  private units = new Float64Array(FIRST_CAPACITY);
  private words: Uint32Array;
  private numbers: Float64Array;
  /** 1 where the unit was written since {@link takeChanged}. */
  private changed = new Uint8Array(FIRST_CAPACITY);
  /** Where the last unit was found: an event is looked up and then written. */
  private lastUnit = 0;
  private lastSlot = 0;

  constructor(private readonly layout: UnitLayout) {
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

  /** @returns whether the unit is a new one. */
  write(unit: number, { words, numbers }: UnitMark, isChange = false): boolean {
    let slot = this.slotOf(unit);
    const isNew = this.units[slot] === 0;
    if (isNew) {
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
    return isNew;
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

  /** Writes every unit, and whether it was changed, into the table that is given for it. */
  moveTo(tableOf: (unit: number) => UnitTable): void {
    const mark = blankMark(this.layout);
    for (let slot = 0; slot < this.units.length; slot++) {
      const unit = this.units[slot] as number;
      if (unit === 0) continue;
      this.read(unit, mark);
      tableOf(unit).write(unit, mark, this.changed[slot] === 1);
    }
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
