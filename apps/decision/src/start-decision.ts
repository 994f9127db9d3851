import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectEventBus } from '#libs/messaging';
import { ProblemFilter, type Running } from '#libs/platform';
import { DecisionModule, type DecisionModuleOptions } from './decision.module.js';

export interface DecisionOptions extends DecisionModuleOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  /** Consumer group; decision processes of one system share it. Default `decision`. */
  readonly group?: string;
  readonly logger?: LoggerService | false;
}

export interface RunningDecision extends Running {
  /** Of the API, e.g. `http://127.0.0.1:8081`. */
  readonly url: string;
}

/**
 * Decides until `close`. Database and bus stay the caller's. Resolves when all experiments are rebuilt from the log, what was committed
 * is on its way to the bus, and analyses published from now on will be judged.
 */
export async function startDecision(options: DecisionOptions): Promise<RunningDecision> {
  const app = await NestFactory.create(DecisionModule.register(options), {
    logger: options.logger ?? false,
    forceCloseConnections: true,
    abortOnError: false,
    // Kept so that problems of a JSON file can be told with their lines.
    rawBody: true,
  });
  app.useGlobalFilters(new ProblemFilter());
  await app.init();
  connectEventBus(app, { bus: options.bus, group: options.group ?? 'decision' });
  await app.startAllMicroservices();
  await app.listen(options.port, options.host);
  return { url: await app.getUrl(), close: () => app.close() };
}
