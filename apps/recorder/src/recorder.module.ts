import { Inject, Module, type BeforeApplicationShutdown, type DynamicModule } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { Database } from '#libs/persistence';
import { createPositions } from '#libs/persistence/positions';
import { createFactStore } from '#libs/persistence/recorder';
import type { Clock, UnitNames } from '#libs/platform';
import { ErasuresController } from './erasures/erasures.controller.js';
import { FactRecorder } from './fact-recorder.js';
import { FactsController } from './facts.controller.js';
import { RecorderMetrics } from './recorder-metrics.js';
import { Retention, type FactRetention } from './retention.js';
import { FACT_RECORDER, FACT_STORE, RETENTION, UNIT_NAMES } from './tokens.js';

/** Everything about a recorder that an operator may choose. */
export interface RecorderSettings {
  /** Consumer group, also the name under which positions are kept. */
  readonly group: string;
  /** How long raw facts are kept. */
  readonly keep: FactRetention;
}

export interface RecorderModuleOptions extends RecorderSettings {
  /** Migrated; stays the caller's. */
  readonly database: Database;
  readonly clock: Clock;
  /** How units are told; undefined: by their own names. */
  readonly unitNames: Pick<UnitNames, 'allOf'> | undefined;
  /** Registry of its metrics. */
  readonly metrics: Registry;
}

const THEIR_OWN: Pick<UnitNames, 'allOf'> = { allOf: (unit) => [unit] };

/** The recorder as a Nest module; `connectEventBus` on its application gives it the events. See `recorderApp`. */
@Module({})
export class RecorderModule implements BeforeApplicationShutdown {
  constructor(@Inject(RETENTION) private readonly retention: Retention) {
    this.retention.start();
  }

  static register(options: RecorderModuleOptions): DynamicModule {
    const { database, group, keep, clock, metrics, unitNames } = options;
    const facts = createFactStore(database);
    return {
      module: RecorderModule,
      controllers: [FactsController, ErasuresController],
      providers: [
        {
          provide: FACT_RECORDER,
          useValue: new FactRecorder(database, facts, createPositions(database, group), new RecorderMetrics(metrics)),
        },
        { provide: FACT_STORE, useValue: facts },
        { provide: UNIT_NAMES, useValue: unitNames ?? THEIR_OWN },
        { provide: RETENTION, useValue: new Retention(facts, clock, keep) },
      ],
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.retention.stop();
  }
}
