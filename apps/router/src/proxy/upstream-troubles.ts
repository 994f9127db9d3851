/** Of one upstream a line is logged so often at most. */
const LINE_EVERY_MS = 10_000;

/** Tells the operator what clients are not told: which upstream failed, and how. */
export class UpstreamTroubles {
  private readonly told = new Map<string, { atMs: number; unsaid: number }>();

  constructor(
    private readonly warn: (message: string) => void,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @param upstream its address */
  tell(upstream: string, what: string): void {
    const nowMs = this.nowMs();
    const last = this.told.get(upstream);
    if (last && nowMs - last.atMs < LINE_EVERY_MS) return void (last.unsaid += 1);
    this.warn(`${upstream}: ${what}${last?.unsaid ? `; ${last.unsaid} more failures since the last such line` : ''}`);
    this.told.set(upstream, { atMs: nowMs, unsaid: 0 });
  }
}
