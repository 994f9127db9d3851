/** Rows on their way from many pictures to the one who publishes them, in the order in which they are ready. */
export class RowQueue<Row> {
  private readonly ready: Row[] = [];
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;

  add(row: Row): void {
    this.ready.push(row);
    this.wake?.();
  }

  /** One of the rows will never come. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.wake?.();
  }

  /**
   * Waits for at least one.
   * @throws what one failed with, once those that are ready have been taken
   */
  async take(most: number): Promise<readonly Row[]> {
    while (this.ready.length === 0) {
      if (this.failure) throw this.failure.error;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return this.ready.splice(0, most);
  }
}
