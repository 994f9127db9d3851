import { randomUUID } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import { metricNames } from '#libs/evidence';
import type { EventBus } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { systemClock, type Clock } from '#libs/platform';
import { ControllerLoop } from './controller-loop.js';
import { DecisionLog } from './deciding/decision-log.js';
import { Decisions } from './deciding/decisions.js';
import { FeedController } from './feed/feed.controller.js';
import { ExperimentsController } from './http/experiments.controller.js';
import { HealthController, type ReadinessProbes } from './http/health.controller.js';
import { OpenApiController } from './http/openapi.controller.js';
import { AUDIT, CONTROLLER_LOOP, DECISIONS, KNOWN_METRICS, READINESS } from './tokens.js';

export interface DecisionModuleOptions {
  /** Migrated; stays the caller's. */
  readonly database: Database;
  /** With its topics created; stays the caller's. */
  readonly bus: EventBus;
  /** Name of this process among the decision processes of the database; must be its own. Default: a random one. */
  readonly controller?: string;
  readonly clock?: Clock;
  /** Names that guardrails and objectives may use. Default: the catalogue of libs/evidence. */
  readonly knownMetrics?: readonly string[];
  /** Default 1000. */
  readonly heartbeatEveryMs?: number;
  /** How late a deadline or the end of a hold may be noticed. Default 200. */
  readonly tickEveryMs?: number;
  /** Silence of the analyzer after which a running ramp is held. Default 60 000. */
  readonly analysisSilentAfterMs?: number;
}

/** The decision service as a Nest module; `connectEventBus` on its application gives it analyses and acknowledgements. See `startDecision`. */
@Module({})
export class DecisionModule {
  static register(options: DecisionModuleOptions): DynamicModule {
    const {
      database,
      bus,
      controller = `decision-${randomUUID().slice(0, 8)}`,
      clock = systemClock,
      knownMetrics = metricNames,
      heartbeatEveryMs = 1_000,
      tickEveryMs = 200,
      analysisSilentAfterMs = 60_000,
    } = options;
    const log = new DecisionLog(database, controller);
    const decisions = new Decisions(log, clock, () => loop.wakeRelay());
    const loop = new ControllerLoop(
      { database, bus, controller, clock, heartbeatEveryMs, tickEveryMs, analysisSilentAfterMs },
      decisions,
    );
    const probes: ReadinessProbes = { database, bus };
    return {
      module: DecisionModule,
      controllers: [FeedController, ExperimentsController, HealthController, OpenApiController],
      providers: [
        { provide: DECISIONS, useValue: decisions },
        { provide: AUDIT, useValue: log },
        { provide: CONTROLLER_LOOP, useFactory: () => loop },
        { provide: READINESS, useValue: probes },
        { provide: KNOWN_METRICS, useValue: knownMetrics },
      ],
    };
  }
}
