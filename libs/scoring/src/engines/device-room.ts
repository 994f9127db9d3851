/** Pieces as large as any that fitted before a larger one is tried again: other programs on the device come and go. */
const FIRST_TRY_AFTER = 64;
/** Each try that fails makes the next one come later, up to so many pieces. */
const LONGEST_TRY_AFTER = 4_096;

/**
 * How many items of one kind a device's memory has room for at a time. A piece that fails, as it does when the memory is full, is done again in
 * halves, and so are the ones after it, in later batches too; a larger one is tried again rarely. Items that fail alone, however small their
 * piece, say nothing of the memory.
 */
export class DeviceRoom {
  private size: number;
  private fittedInARow = 0;
  private tryAfter = FIRST_TRY_AFTER;

  /** @param most items of a piece, where memory is no matter */
  constructor(private readonly most: number) {
    this.size = most;
  }

  /** Items of the largest piece that is sent at present. */
  get largest(): number {
    return this.size;
  }

  /**
   * Does `count` items, from the first to the last.
   * @throws what `work` throws for a single item
   */
  async inPieces(count: number, work: (from: number, count: number) => Promise<void>): Promise<void> {
    const before = this.size;
    for (let from = 0; from < count;) {
      const isTry = this.size < this.most && this.fittedInARow >= this.tryAfter;
      const size = Math.min(isTry ? Math.min(this.most, 2 * this.size) : this.size, count - from);
      try {
        await work(from, size);
        from += size;
        this.fitted(size);
      } catch (error) {
        if (size === 1) {
          // The item is at fault, and was so in the pieces that it made fail.
          this.size = Math.max(before, this.size);
          throw error;
        }
        this.failed(size, isTry);
      }
    }
  }

  private fitted(size: number): void {
    if (size > this.size) {
      this.size = size;
      this.tryAfter = FIRST_TRY_AFTER;
    } else if (size === this.size) this.fittedInARow += 1;
  }

  private failed(size: number, isTry: boolean): void {
    this.fittedInARow = 0;
    if (isTry) this.tryAfter = Math.min(LONGEST_TRY_AFTER, 2 * this.tryAfter);
    this.size = isTry && size > this.size ? this.size : Math.ceil(size / 2);
  }
}
