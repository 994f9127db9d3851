import type { Clock } from '#libs/platform';

/**
 * How long a start may take to fold what the analyzer before had folded and not saved: snapshots are a second apart. Where so much arrives that nobody
 * is ever up to date it is over then.
 */
const AT_MOST_MS = 10_000;

/** Whether an analyzer has folded, since it began to read, what was in the log then. */
export class CatchUp {
  private behind: Set<string> | undefined;
  private beganAtMs: number | undefined;

  /** @param lag records that are not folded yet, by topic */
  constructor(
    private readonly lag: () => Promise<Readonly<Record<string, number>>>,
    private readonly clock: Pick<Clock, 'nowMs'>,
  ) {}

  /** Asked again and again until it is so; of a topic that was up to date once it stays so. */
  async isDone(): Promise<boolean> {
    if (this.behind?.size === 0) return true;
    this.beganAtMs ??= this.clock.nowMs();
    if (this.clock.nowMs() - this.beganAtMs >= AT_MOST_MS) this.behind = new Set();
    else this.behind = await this.stillBehind();
    return this.behind.size === 0;
  }

  private async stillBehind(): Promise<Set<string>> {
    const lag = Object.entries(await this.lag().catch(() => ({ '': 1 })));
    return new Set(
      lag.flatMap(([topic, records]) => (records > 0 && this.behind?.has(topic) !== false ? [topic] : [])),
    );
  }
}
