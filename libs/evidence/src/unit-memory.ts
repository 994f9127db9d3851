const FIRST_CAPACITY = 64;

/** What a memory has to hand over so that another one continues from the same point. */
export interface UnitChanges {
  /** True: this is the whole memory. False: what changed since the changes before. */
  readonly replaces: boolean;
  /** Hashes of the units, those of the older generation first. */
  readonly units: Float64Array;
  readonly marks: Uint32Array;
  /** How many of them belong to the older generation. */
  readonly older: number;
  readonly refused: number;
}

/** What is known of a unit: which of its first observations were used, and the epoch it was seen under last (modulo 65,536). */
export interface UnitMark {
  readonly bits: number;
  readonly epoch: number;
}

/**
 * Remembers which units have been seen, and for what: only a unit's first observation was drawn at random anew.
 *
 * Units are known by a 53-bit hash (among a million units the chance that any two share one is 6 in 100,000), in open
 * addressing over typed arrays: 12 bytes a slot, at most 48 bytes a unit.
 *
 * `limit` bounds how many are kept. Where units never come back (requests) the oldest may be forgotten (`forget`): two
 * generations, the older one dropped when the younger is full. Where they do (users, sessions) a forgotten unit's return would
 * pass for a new draw, so the memory stays as it is and new units are turned away (`refuse`).
 */
export class UnitMemory {
  private young = new UnitTable();
  private old = new UnitTable();
  private changed = new Set<number>();
  /** Observations turned away because the memory is full. */
  refused = 0;

  constructor(
    readonly limit: number,
    readonly whenFull: 'forget' | 'refuse',
  ) {}

  get size(): number {
    return this.young.size + this.old.size;
  }

  /** The unit's mark; 0 bits for one never seen; null when the memory is full and turns it away. */
  recall(unit: number): UnitMark | null {
    const mark = this.young.get(unit) ?? this.old.get(unit);
    if (mark !== undefined) return { bits: mark & 0xffff, epoch: mark >>> 16 };
    if (this.whenFull === 'refuse' && this.young.size >= this.limit) {
      this.refused += 1;
      return null;
    }
    return { bits: 0, epoch: 0 };
  }

  remember(unit: number, { bits, epoch }: UnitMark): void {
    if (this.whenFull === 'forget' && this.young.size >= this.limit && this.young.get(unit) === undefined) {
      this.old = this.young;
      this.young = new UnitTable();
    }
    this.young.set(unit, ((epoch << 16) | (bits & 0xffff)) >>> 0);
    if (this.whenFull === 'refuse') this.changed.add(unit);
  }

  /** What changed since the last call; the whole memory where it forgets, since what is forgotten is a change too. */
  takeChanges(): UnitChanges {
    if (this.whenFull === 'forget') return this.everything();
    const units = Float64Array.from(this.changed).sort();
    this.changed = new Set();
    return {
      replaces: false,
      units,
      marks: Uint32Array.from(units, (unit) => this.young.get(unit) as number),
      older: 0,
      refused: this.refused,
    };
  }

  everything(): UnitChanges {
    const old = this.old.keys();
    const young = this.young.keys();
    const units = new Float64Array(old.length + young.length);
    units.set(old);
    units.set(young, old.length);
    const marks = Uint32Array.from(
      units,
      (unit, index) => (index < old.length ? this.old : this.young).get(unit) as number,
    );
    return { replaces: true, units, marks, older: old.length, refused: this.refused };
  }

  apply(changes: UnitChanges): void {
    if (changes.replaces) {
      this.young = new UnitTable();
      this.old = new UnitTable();
      this.changed = new Set();
    }
    changes.units.forEach((unit, index) => {
      (index < changes.older ? this.old : this.young).set(unit, changes.marks[index] as number);
    });
    this.refused = changes.refused;
  }
}

/** 53-bit hash of a unit's name, never 0 (cyrb53: two rounds of multiply-xorshift over the characters). */
export function hashUnit(unit: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < unit.length; index++) {
    const code = unit.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0) || 1;
}

/** Hash → mark. Linear probing, doubled at half load; a key of 0 is an empty slot. */
class UnitTable {
  size = 0;
  private units = new Float64Array(FIRST_CAPACITY);
  private marks = new Uint32Array(FIRST_CAPACITY);

  get(unit: number): number | undefined {
    const slot = this.slotOf(unit);
    return this.units[slot] === 0 ? undefined : this.marks[slot];
  }

  set(unit: number, mark: number): void {
    let slot = this.slotOf(unit);
    if (this.units[slot] === 0) {
      if (2 * (this.size + 1) > this.units.length) {
        this.grow();
        slot = this.slotOf(unit);
      }
      this.units[slot] = unit;
      this.size += 1;
    }
    this.marks[slot] = mark;
  }

  /** All hashes, ascending: the order in which they came leaves no trace. */
  keys(): Float64Array {
    return this.units.filter((unit) => unit !== 0).sort();
  }

  private slotOf(unit: number): number {
    const last = this.units.length - 1;
    let slot = (unit % 4294967291) & last;
    for (;;) {
      const found = this.units[slot];
      if (found === 0 || found === unit) return slot;
      slot = (slot + 1) & last;
    }
  }

  private grow(): void {
    const { units, marks } = this;
    this.units = new Float64Array(2 * units.length);
    this.marks = new Uint32Array(2 * units.length);
    this.size = 0;
    units.forEach((unit, slot) => {
      if (unit !== 0) this.set(unit, marks[slot] as number);
    });
  }
}
