import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Running } from '#libs/platform';
import type { Analyzer } from './analyzer.js';
import { ANALYZER, AnalyzerModule, type AnalyzerModuleOptions } from './analyzer.module.js';

export interface StartAnalyzerOptions extends AnalyzerModuleOptions {
  readonly logger?: LoggerService | false;
}

export interface RunningAnalyzer extends Running {
  /** Records not folded yet, by topic; empty while another analyzer has the lead. */
  lag(): Promise<Readonly<Record<string, number>>>;
}

/** A second analyzer stands by; whoever starts it need not wait until the first one ends. */
const STANDS_BY_AFTER_MS = 3_000;

/**
 * Analyses until `close`, which saves the evidence, publishes what is left and gives the lead away. Database and bus stay the
 * caller's. Resolves when events published from now on will be analysed, or when another analyzer has the lead and this one stands by.
 */
export async function startAnalyzer(options: StartAnalyzerOptions): Promise<RunningAnalyzer> {
  const app = await NestFactory.createApplicationContext(AnalyzerModule.register(options), {
    logger: options.logger ?? false,
    abortOnError: false,
  });
  const analyzer = app.get<Analyzer>(ANALYZER);
  await Promise.race([analyzer.leading, new Promise((resolve) => setTimeout(resolve, STANDS_BY_AFTER_MS).unref())]);
  return { lag: () => analyzer.lag(), close: () => app.close() };
}
