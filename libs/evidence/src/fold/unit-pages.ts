import type { UnitLayout, UnitMark } from './unit-mark.js';
import { UnitTable } from './unit-table.js';

/** Units of one table before it is divided by their hashes: doubling one of that size, or writing it down, takes a few milliseconds. */
const DIVIDED_ABOVE = 16_384;
const PAGES = 64;
/** Hashes have 53 bits; tables look at the lower ones. */
const HASHES_OF_A_PAGE = 2 ** 53 / PAGES;

/**
 * Hash → mark, like {@link UnitTable}, for up to millions of units: one table at first, then one for each of 64 ranges of hashes (pages), so that
 * nothing that is done at a time concerns more than a page.
 */
export class UnitPages {
  size = 0;
  private pages: UnitTable[];

  constructor(private readonly layout: UnitLayout) {
    this.pages = [new UnitTable(layout)];
  }

  /** 1 or 64. */
  get pageCount(): number {
    return this.pages.length;
  }

  has(unit: number): boolean {
    return this.pageOf(unit).has(unit);
  }

  /** Copies the unit's mark into `mark`. @returns false, and leaves `mark` alone, when the unit is not there. */
  read(unit: number, mark: UnitMark): boolean {
    return this.pageOf(unit).read(unit, mark);
  }

  write(unit: number, mark: UnitMark, isChange = false): void {
    if (this.pageOf(unit).write(unit, mark, isChange)) this.size += 1;
    if (this.size > DIVIDED_ABOVE && this.pages.length === 1) this.divide();
  }

  /** Hashes of the units that were changed since the last call, ascending. */
  takeChanged(): Float64Array {
    return joined(this.pages.map((page) => page.takeChanged()));
  }

  /** All hashes, ascending: the order in which they came leaves no trace. */
  keys(): Float64Array {
    return joined(this.pages.map((page) => page.keys()));
  }

  /** Those of one page, ascending. */
  keysOf(page: number): Float64Array {
    return (this.pages[page] as UnitTable).keys();
  }

  private pageOf(unit: number): UnitTable {
    const { pages } = this;
    return (pages.length === 1 ? pages[0] : pages[Math.floor(unit / HASHES_OF_A_PAGE)]) as UnitTable;
  }

  private divide(): void {
    const [whole] = this.pages as [UnitTable];
    this.pages = Array.from({ length: PAGES }, () => new UnitTable(this.layout));
    whole.moveTo((unit) => this.pageOf(unit));
  }
}

/** Pages follow each other as their hashes do. */
function joined(parts: readonly Float64Array[]): Float64Array {
  if (parts.length === 1) return parts[0] as Float64Array;
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
