/** What so many units' facts said is said by many; what leads to one of them never is. */
const MANY = 50;
/** Texts that are counted at a time. */
const MOST_COUNTED = 2_000;

/** Tells what many facts say alike from what is somebody's own: a folder for pictures from an address with a signature. Only the former outlives a unit's erasure. */
export class CommonTexts {
  private readonly common = new Set<string>();
  /** Whose facts said it. */
  private readonly units = new Map<string, Set<string>>();

  /** @returns whether many other units' facts said it before */
  note(text: string, unit: string): boolean {
    if (this.common.has(text)) return true;
    const units = this.units.get(text) ?? new Set();
    units.add(unit);
    if (this.units.size >= MOST_COUNTED) this.units.clear();
    this.units.set(text, units);
    if (units.size > MANY) this.promote(text);
    return false;
  }

  private promote(text: string): void {
    if (this.common.size >= MOST_COUNTED) this.common.clear();
    this.common.add(text);
    this.units.delete(text);
  }
}
