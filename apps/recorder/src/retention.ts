import { Logger } from '@nestjs/common';
import type { FactStore } from '#libs/persistence/recorder';
import type { Clock } from '#libs/platform';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Age at which a day's facts are dropped, ms after its end. */
export interface FactRetention {
  /** Requests, generations, scores and feedback. */
  readonly factsMs: number;
  readonly embeddingsMs: number;
}

/** Keeps the database from growing without end: old raw facts go, old analyses are thinned out. */
export class Retention {
  private readonly logger = new Logger('retention');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly facts: FactStore,
    private readonly clock: Clock,
    private readonly keep: FactRetention,
  ) {}

  start(everyMs = HOUR_MS): void {
    this.running = this.attempt(() => this.facts.openDaysAhead());
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.attempt(() => this.apply()));
    }, everyMs);
    this.timer.unref();
  }

  /** Resolves when a round under way has ended. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** One round: makes the days that come, drops those that are too old. Of analyses older than an hour one per ten seconds stays, of those older than a day one per minute. */
  async apply(): Promise<void> {
    const nowMs = this.clock.nowMs();
    await this.facts.openDaysAhead();
    const { factsMs, embeddingsMs } = this.keep;
    const dropped = await this.facts.forget({ factsMs: nowMs - factsMs, embeddingsMs: nowMs - embeddingsMs });
    const thinned =
      (await this.facts.thinAnalyses({ beforeMs: nowMs - HOUR_MS, everyMs: 10_000 })) +
      (await this.facts.thinAnalyses({ beforeMs: nowMs - DAY_MS, everyMs: 60_000 }));
    for (const [table, dates] of Object.entries(dropped)) this.logger.log(`dropped ${table} of ${dates.join(', ')}`);
    if (thinned > 0) this.logger.log(`deleted ${thinned} analyses`);
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn(`not applied, the next round tries again: ${(error as Error).message}`);
    }
  }
}
