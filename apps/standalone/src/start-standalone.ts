import type { LoggerService } from '@nestjs/common';
import { startAnalyzer } from '#apps/analyzer';
import { startDecision } from '#apps/decision';
import { startRecorder } from '#apps/recorder';
import { startReports } from '#apps/reports';
import { startRouter, type StartRouterOptions } from '#apps/router';
import { startScorer, type ScorerSettings } from '#apps/scorer';
import type { EventBus } from '#libs/messaging';
import { migrate, type Database } from '#libs/persistence';
import type { Running } from '#libs/platform';

/** Parts that can be left out, to run as processes of their own. */
export type StandalonePart = 'scorer';

export interface StandaloneOptions {
  /** Stays the caller's. */
  readonly database: Database;
  /** With its topics created; stays the caller's. */
  readonly bus: EventBus;
  readonly partitions: number;
  readonly host: string;
  readonly ports: { readonly decision: number; readonly reports: number };
  readonly router: Omit<StartRouterOptions, 'bus' | 'logger'>;
  readonly scorer: ScorerSettings;
  readonly without: readonly StandalonePart[];
  readonly logger: LoggerService;
}

export interface RunningStandalone extends Running {
  readonly urls: { readonly router: string; readonly decision: string; readonly reports: string };
}

/**
 * All services in one process on one bus and one database: the same modules that run as processes of their own in production.
 * Consumers start before the router, so that no request is routed that nobody would judge.
 */
export async function startStandalone(options: StandaloneOptions): Promise<RunningStandalone> {
  const { bus, database, logger, host } = options;
  await migrate(database);
  const running: Running[] = [];
  const keep = <Started extends Running>(started: Started): Started => {
    running.push(started);
    return started;
  };
  try {
    const [decision, reports] = await Promise.all([
      startDecision({ bus, database, logger, host, port: options.ports.decision }).then(keep),
      startReports({
        bus,
        database,
        logger,
        host,
        port: options.ports.reports,
        pictureRoots: options.scorer.roots ?? [],
      }).then(keep),
      startRecorder({ bus, database, logger }).then(keep),
      startAnalyzer({ bus, database, logger, partitions: options.partitions }).then(keep),
      options.without.includes('scorer') ? null : startScorer({ ...options.scorer, bus, logger }).then(keep),
    ]);
    const router = keep(await startRouter({ ...options.router, bus, logger }));
    return {
      urls: { router: router.url, decision: decision.url, reports: reports.url },
      close: () => closeAll(running),
    };
  } catch (error) {
    await closeAll(running);
    throw error;
  }
}

/** The last that started first: the router stops taking requests before those who judge them stop. */
async function closeAll(running: Running[]): Promise<void> {
  for (const part of running.toReversed()) await part.close();
}
