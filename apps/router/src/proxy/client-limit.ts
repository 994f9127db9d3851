/** How many requests one client address may have under way; what comes beyond is nobody's evidence. */
export class ClientLimit {
  private readonly underWay = new Map<string, number>();

  constructor(private readonly most: number) {}

  /** @returns what gives the place back; undefined: the address has no more of them */
  enter(address: string): (() => void) | undefined {
    const now = this.underWay.get(address) ?? 0;
    if (now >= this.most) return undefined;
    this.underWay.set(address, now + 1);
    return () => this.leave(address);
  }

  private leave(address: string): void {
    const now = this.underWay.get(address) ?? 0;
    if (now <= 1) this.underWay.delete(address);
    else this.underWay.set(address, now - 1);
  }
}
