/** So much of something may be taken at a time; who finds too little left waits, first come first served. */
export class Allowance {
  private left: number;
  private readonly waiting: { readonly amount: number; readonly go: () => void }[] = [];

  constructor(readonly total: number) {
    this.left = total;
  }

  get taken(): number {
    return this.total - this.left;
  }

  /** @param wanted more than there is at all counts as all of it @returns what was taken, to be given back */
  async take(wanted: number): Promise<number> {
    const amount = Math.min(wanted, this.total);
    if (this.waiting.length === 0 && amount <= this.left) {
      this.left -= amount;
      return amount;
    }
    await new Promise<void>((go) => this.waiting.push({ amount, go }));
    return amount;
  }

  giveBack(amount: number): void {
    this.left += amount;
    while (this.waiting.length > 0 && this.waiting[0]!.amount <= this.left) {
      const { amount: next, go } = this.waiting.shift()!;
      this.left -= next;
      go();
    }
  }
}
