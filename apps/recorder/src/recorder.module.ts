import { Inject, Module, type BeforeApplicationShutdown, type DynamicModule } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { Database } from '#libs/persistence';
import { createPositions } from '#libs/persistence/positions';
import { createFactStore } from '#libs/persistence/recorder';
import type { Clock } from '#libs/platform';
import { FactRecorder } from './fact-recorder.js';
import { FactsController } from './facts.controller.js';
import { RecorderMetrics } from './recorder-metrics.js';
import { Retention } from './retention.js';
import { FACT_RECORDER, RETENTION } from './tokens.js';

/** Everything about a recorder that an operator may choose. */
export interface RecorderSettings {
  /** Consumer group, also the name under which positions are kept. */
  readonly group: string;
  /** Age at which raw facts are deleted. */
  readonly keepFactsMs: number;
}

export interface RecorderModuleOptions extends RecorderSettings {
  /** Migrated; stays the caller's. */
  readonly database: Database;
  readonly clock: Clock;
  /** Registry of its metrics. */
  readonly metrics: Registry;
}

/** The recorder as a Nest module; `connectEventBus` on its application gives it the events. See `recorderApp`. */
@Module({})
export class RecorderModule implements BeforeApplicationShutdown {
  constructor(@Inject(RETENTION) private readonly retention: Retention) {
    this.retention.start();
  }

  static register(options: RecorderModuleOptions): DynamicModule {
    const { database, group, keepFactsMs, clock, metrics } = options;
    const facts = createFactStore(database);
    return {
      module: RecorderModule,
      controllers: [FactsController],
      providers: [
        {
          provide: FACT_RECORDER,
          useValue: new FactRecorder(database, facts, createPositions(database, group), new RecorderMetrics(metrics)),
        },
        { provide: RETENTION, useValue: new Retention(facts, clock, keepFactsMs) },
      ],
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.retention.stop();
  }
}
