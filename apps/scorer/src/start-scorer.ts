import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectEventBus, type EventBus } from '#libs/messaging';
import { ProblemFilter, type Running } from '#libs/platform';
import { LagWatch } from './lag-watch.js';
import { ScorerModule, type ScorerModuleOptions } from './scorer.module.js';
import { LAG_WATCH } from './tokens.js';

export interface ScorerOptions extends ScorerModuleOptions {
  readonly bus: EventBus;
  readonly logger?: LoggerService | false;
}

export interface RunningScorer extends Running {
  /** Of health and metrics, e.g. `http://127.0.0.1:8083`. */
  readonly url: string;
}

/**
 * Scores generations until `close`, which lets the running batches end, leaves the group and stops the engine. The bus stays the
 * caller's. Resolves when the engine is warm and generations published from now on will be seen.
 *
 * @throws what `createScorer` throws
 */
export async function startScorer(options: ScorerOptions): Promise<RunningScorer> {
  const app = await NestFactory.create(ScorerModule.register(options), {
    logger: options.logger ?? false,
    forceCloseConnections: true,
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  const strategy = connectEventBus(app, { bus: options.bus, group: options.group ?? 'scorer' });
  await app.startAllMicroservices();
  if (strategy.current) app.get<LagWatch>(LAG_WATCH).watch(strategy.current);
  await app.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}
