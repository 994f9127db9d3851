import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { EventBus } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { startOutboxRelay, type OutboxRelay } from '#libs/persistence/outbox';
import type { Clock } from '#libs/platform';
import { DECISIONS_CHANNEL, readDecisionNews, type DecisionNews } from './deciding/decision-news.js';
import type { Decisions } from './deciding/decisions.js';
import { every, type Stop } from './timers/every.js';
import { publishHeartbeat } from './timers/heartbeat.js';

export interface ControllerLoopOptions {
  readonly database: Database;
  readonly bus: EventBus;
  readonly controller: string;
  readonly clock: Clock;
  readonly heartbeatEveryMs: number;
  readonly tickEveryMs: number;
  readonly analysisSilentAfterMs: number;
}

/** How often the other processes are told that analyses of an experiment arrive. */
const SHARE_HEARD_EVERY_MS = 5_000;

/**
 * What the decision service does by itself: it rebuilds its states, publishes what was committed, watches the clock, tells that it is alive, and
 * keeps up with other decision processes on the same database.
 */
export class ControllerLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('decision');
  private readonly stops: Stop[] = [];
  private readonly heardSince = new Set<string>();
  private relay: OutboxRelay | undefined;

  constructor(
    private readonly options: ControllerLoopOptions,
    private readonly decisions: Decisions,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { database, bus, clock, controller, heartbeatEveryMs, tickEveryMs, analysisSilentAfterMs } = this.options;
    const complain = (what: string) => (error: Error) => this.logger.warn(`${what} failed: ${error.message}`);
    this.relay = await startOutboxRelay({
      database,
      publisher: bus,
      onError: complain('publishing from the outbox'),
    });
    this.stops.push(await database.listen(DECISIONS_CHANNEL, (payload) => this.onNews(payload)));
    await this.decisions.restart();
    const beat = async (): Promise<void> => {
      // A controller that can't reach its log can't decide: then it must look as silent as it is.
      await database.query('select 1');
      await publishHeartbeat(bus, controller, clock.nowMs(), this.decisions.running());
    };
    await beat();
    this.stops.push(
      every(heartbeatEveryMs, beat, complain('the heartbeat')),
      every(tickEveryMs, () => this.decisions.tick(analysisSilentAfterMs), complain('deciding on time')),
      every(SHARE_HEARD_EVERY_MS, () => this.shareHeard(), complain('telling other controllers')),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.stops.map((stop) => stop()));
    await this.relay?.close();
  }

  /** Publishes at once what has just been committed, without waiting for the database's own notification. */
  wakeRelay(): void {
    this.relay?.wake();
  }

  heardHere(experiment: string): void {
    this.heardSince.add(experiment);
  }

  private onNews(payload: string): void {
    const news = readDecisionNews(payload);
    if (news?.from === this.options.controller) return;
    if (news?.what === 'heard') return this.decisions.heardElsewhere(news.experiment);
    const refreshed = news ? this.decisions.refresh(news.experiment) : this.decisions.refreshAll();
    refreshed.catch((error: Error) =>
      this.logger.warn(`reading another controller's decision failed: ${error.message}`),
    );
  }

  private async shareHeard(): Promise<void> {
    const experiments = [...this.heardSince];
    this.heardSince.clear();
    for (const experiment of experiments) {
      const news: DecisionNews = { from: this.options.controller, experiment, what: 'heard' };
      await this.options.database.query('select pg_notify($1, $2)', [DECISIONS_CHANNEL, JSON.stringify(news)]);
    }
  }
}
