import { randomUUID } from 'node:crypto';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { knownMetrics } from '#libs/evidence';
import type { EventBus, OrderSigner, OrderTrust } from '#libs/messaging';
import type { Registry } from 'prom-client';
import type { Database } from '#libs/persistence';
import { createOrderAnswerStore } from '#libs/persistence/decision';
import { createOutbox } from '#libs/persistence/outbox';
import type { Clock, Tracer } from '#libs/platform';
import { ControllerLoop } from './controller-loop.js';
import { holderInWords } from './deciding/bounded-transaction.js';
import { DecisionLog } from './deciding/decision-log.js';
import { Decisions } from './deciding/decisions.js';
import { DecisionMetrics } from './decision-metrics.js';
import { createStateMetrics } from './state-metrics.js';
import { FeedController } from './feed/feed.controller.js';
import { GateKeeper } from './gates/gate-keeper.js';
import type { GateSettings } from './gates/gate-settings.js';
import { ExperimentsController } from './http/experiments.controller.js';
import { OncePerKey } from './http/idempotency.js';
import { ServicesController } from './http/services.controller.js';
import { notificationsOf } from './notifying/notifications-of.js';
import { Notifier } from './notifying/notifier.js';
import type { NotifySettings } from './notifying/notify-settings.js';
import { OrderFollowUp } from './routers/order-follow-up.js';
import { RouterWatch } from './routers/router-watch.js';
import { OwnWord } from './signing/own-word.js';
import { DatabaseClock } from './timers/database-clock.js';
import { AUDIT, CONTROLLER_LOOP, DECISIONS, GATE_NAMES, KNOWN_METRICS, ORDERS, UPSTREAM_HOSTS } from './tokens.js';

/** Everything about a decision service that an operator may choose, and what tests replace. */
export interface DecisionSettings {
  /** Consumer group; decision processes of one system share it. */
  readonly group: string;
  readonly heartbeatEveryMs: number;
  /** How late a deadline or the end of a hold may be noticed. */
  readonly tickEveryMs: number;
  /** Silence of the analyzer after which a running ramp is held. */
  readonly analysisSilentAfterMs: number;
  /** Age at which its tick, its sign of life or an unpublished command makes it unwell. */
  readonly lateAfterMs: number;
  /** From where variants and baselines may be served; undefined: from anywhere. */
  readonly upstreamHosts?: readonly string[] | undefined;
  readonly notify: NotifySettings;
  readonly gates: GateSettings;
  /** Name of this process among the decision processes of the database; must be its own. Default: a random one. */
  readonly controller?: string;
}

export interface DecisionModuleOptions extends DecisionSettings {
  /** Migrated; stays the caller's. */
  readonly database: Database;
  /** With its topics created; stays the caller's. */
  readonly bus: EventBus;
  /** Signs what is said to those who obey. */
  readonly signer: OrderSigner;
  /** Whose word counts for them. */
  readonly trust: OrderTrust;
  readonly clock: Clock;
  readonly tracer: Tracer;
  /** Registry of its metrics. */
  readonly metrics: Registry;
}

/** The decision service as a Nest module; `connectEventBus` on its application gives it analyses and acknowledgements. See `decisionApp`. */
@Module({})
export class DecisionModule {
  static register(options: DecisionModuleOptions): DynamicModule {
    const { database, controller = `decision-${randomUUID().slice(0, 8)}` } = options;
    const logger = new Logger('decision');
    const clock = new DatabaseClock(database, options.clock);
    const log = new DecisionLog(
      database,
      { controller, signer: options.signer, tracer: options.tracer },
      (holder) => logger.warn(`a rollback has ended ${holderInWords(holder)}, which kept its rows locked`),
      (events, after) => notificationsOf(options.notify, events, after),
    );
    const notifier = new Notifier(database, options.notify, logger, options.metrics);
    const routers = new RouterWatch(options.bus, controller, clock, (message) => logger.warn(message));
    const decisions = new Decisions(
      log,
      clock,
      {
        decided: (experiment, events) => {
          metrics.count(experiment, events);
          loop.decided(experiment, events);
        },
        quarantined: (experiment) => loop.alert(experiment),
        parked: (experiment) => loop.alertOfParked(experiment),
        unreadable: (service, reason) => loop.alertOfService(service, reason),
      },
      routers,
    );
    const metrics = new DecisionMetrics(options.metrics, () => decisions.held());
    const followUp = new OrderFollowUp(decisions, routers, () => clock.nowMs());
    const nowMs = (): number => clock.nowMs();
    createStateMetrics(options.metrics, {
      epochs: () => decisions.epochs(),
      unpublished: () => createOutbox(database).waiting(),
      nowMs,
    });
    const ownWord = new OwnWord({ ...options, controller, log, decisions, logger, nowMs });
    const gates = new GateKeeper({ decisions, settings: options.gates, clock });
    const own = { clock, controller, routers, followUp, notifier, gates, ownWord };
    const loop = new ControllerLoop({ ...options, ...own }, decisions);
    return {
      module: DecisionModule,
      controllers: [FeedController, ExperimentsController, ServicesController],
      providers: [
        { provide: DECISIONS, useValue: decisions },
        { provide: AUDIT, useValue: log },
        { provide: CONTROLLER_LOOP, useFactory: () => loop },
        { provide: ORDERS, useValue: followUp },
        { provide: APP_INTERCEPTOR, useValue: new OncePerKey(createOrderAnswerStore(database)) },
        { provide: UPSTREAM_HOSTS, useValue: options.upstreamHosts },
        { provide: GATE_NAMES, useValue: [...options.gates.urls.keys()] },
        { provide: KNOWN_METRICS, useValue: knownMetrics },
      ],
    };
  }
}
