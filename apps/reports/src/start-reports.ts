import { NestFactory } from '@nestjs/core';
import type { LoggerService } from '@nestjs/common';
import { ProblemFilter, type Running } from '#libs/platform';
import { ReportsModule, type ReportsModuleOptions } from './reports.module.js';

export interface ReportsOptions extends ReportsModuleOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly logger?: LoggerService | false;
}

export interface RunningReports extends Running {
  /** Of the live page, e.g. `http://127.0.0.1:8082`. */
  readonly url: string;
}

/** Serves the reports API and the live page until `close`. Database and bus stay the caller's. */
export async function startReports(options: ReportsOptions): Promise<RunningReports> {
  const app = await NestFactory.create(ReportsModule.register(options), {
    logger: options.logger ?? false,
    // Live streams never end by themselves.
    forceCloseConnections: true,
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  await app.listen(options.port, options.host);
  return { url: await app.getUrl(), close: () => app.close() };
}
