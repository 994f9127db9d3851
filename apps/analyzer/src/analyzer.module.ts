import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Registry } from 'prom-client';
import { AnalyzerMetrics } from './analyzer-metrics.js';
import type { AnalyzerOptions } from './analyzer-options.js';
import { Analyzer } from './analyzer.js';

export const ANALYZER = Symbol('ANALYZER');

/** Everything about an analyzer that an operator may choose. */
export type AnalyzerSettings = Omit<
  AnalyzerOptions,
  'clock' | 'log' | 'bus' | 'database' | 'trust' | 'measured' | 'tracer'
>;

export type AnalyzerModuleOptions = Omit<AnalyzerOptions, 'log' | 'measured'> & {
  /** Registry of its metrics. */
  readonly metrics: Registry;
};

/**
 * The analyzer as a Nest module. It subscribes to the bus itself instead of offering event handlers, because it reads only
 * while it has the lead, and from the positions it saves with its evidence.
 */
@Module({})
export class AnalyzerModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(ANALYZER) private readonly analyzer: Analyzer) {}

  static register({ metrics, ...options }: AnalyzerModuleOptions): DynamicModule {
    const measured = new AnalyzerMetrics(metrics);
    return {
      module: AnalyzerModule,
      providers: [
        { provide: ANALYZER, useFactory: () => new Analyzer({ ...options, measured, log: new Logger('analyzer') }) },
      ],
      exports: [ANALYZER],
    };
  }

  onApplicationBootstrap(): void {
    this.analyzer.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.analyzer.close();
  }
}
