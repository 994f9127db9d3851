import { Logger } from '@nestjs/common';
import type { FactStore } from '#libs/persistence/recorder';
import type { Clock } from '#libs/platform';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Keeps the database from growing without end: old raw facts go, old analyses are thinned out. */
export class Retention {
  private readonly logger = new Logger('retention');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  /** @param keepFactsMs age at which requests, generations, scores and feedback are deleted. */
  constructor(
    private readonly facts: FactStore,
    private readonly clock: Clock,
    private readonly keepFactsMs: number,
  ) {}

  start(everyMs = HOUR_MS): void {
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.attempt());
    }, everyMs);
    this.timer.unref();
  }

  /** Resolves when a round under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** One round. Of analyses older than an hour one per ten seconds stays, of those older than a day one per minute. */
  async apply(): Promise<void> {
    const nowMs = this.clock.nowMs();
    const forgotten = await this.facts.forget(nowMs - this.keepFactsMs);
    const thinned =
      (await this.facts.thinAnalyses({ beforeMs: nowMs - HOUR_MS, everyMs: 10_000 })) +
      (await this.facts.thinAnalyses({ beforeMs: nowMs - DAY_MS, everyMs: 60_000 }));
    const rows = Object.values(forgotten).reduce((sum, count) => sum + count, thinned);
    if (rows > 0) this.logger.log(`deleted ${JSON.stringify({ ...forgotten, analyses: thinned })}`);
  }

  private async attempt(): Promise<void> {
    try {
      await this.apply();
    } catch (error) {
      this.logger.warn(`not applied, the next round tries again: ${(error as Error).message}`);
    }
  }
}
