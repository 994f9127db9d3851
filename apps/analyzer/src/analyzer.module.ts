import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { systemClock } from '#libs/platform';
import { Analyzer, type AnalyzerOptions } from './analyzer.js';

export const ANALYZER = Symbol('ANALYZER');

export type AnalyzerModuleOptions = Omit<AnalyzerOptions, 'clock' | 'log'> & Partial<Pick<AnalyzerOptions, 'clock'>>;

/**
 * The analyzer as a Nest module. It subscribes to the bus itself instead of offering event handlers, because it reads only
 * while it has the lead, and from the positions it saves with its evidence.
 */
@Module({})
export class AnalyzerModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(@Inject(ANALYZER) private readonly analyzer: Analyzer) {}

  static register({ clock = systemClock, ...options }: AnalyzerModuleOptions): DynamicModule {
    return {
      module: AnalyzerModule,
      providers: [
        { provide: ANALYZER, useFactory: () => new Analyzer({ ...options, clock, log: new Logger('analyzer') }) },
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
