import { Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { eventSource } from '#libs/contracts';
import type { CommandEvent, DeliveryEvent } from '#libs/delivery';
import { createEventPublisher, type EventBus, type OrderSigner } from '#libs/messaging';
import type { Database } from '#libs/persistence';
import { createOutbox, startOutboxRelay, type OutboxRelay } from '#libs/persistence/outbox';
import type { HealthCheck, HealthFinding } from '#libs/platform';
import { DECISIONS_CHANNEL, readDecisionNews, type DecisionNews } from './deciding/decision-news.js';
import { beginsWithDefinition, type Decisions } from './deciding/decisions.js';
import type { Parked } from './deciding/parking.js';
import type { Quarantined } from './deciding/quarantine.js';
import type { GateKeeper } from './gates/gate-keeper.js';
import type { Notifier } from './notifying/notifier.js';
import type { OrderFollowUp } from './routers/order-follow-up.js';
import type { RouterWatch } from './routers/router-watch.js';
import type { OwnWord } from './signing/own-word.js';
import type { DatabaseClock } from './timers/database-clock.js';
import { every, type Repeated } from './timers/every.js';
import { publishHeartbeat } from './timers/heartbeat.js';

export interface ControllerLoopOptions {
  readonly database: Database;
  readonly bus: EventBus;
  readonly controller: string;
  readonly clock: DatabaseClock;
  readonly heartbeatEveryMs: number;
  readonly tickEveryMs: number;
  readonly analysisSilentAfterMs: number;
  /** Age at which its tick, its sign of life or an unpublished command makes it unwell. */
  readonly lateAfterMs: number;
  readonly routers: RouterWatch;
  readonly followUp: OrderFollowUp;
  readonly notifier: Notifier;
  readonly gates: GateKeeper;
  readonly signer: OrderSigner;
  readonly ownWord: OwnWord;
}

const TICK = 'deciding on time';
const HEARTBEAT = 'the sign of life';
const OWN_WORD = 'saying again what somebody else has displaced';
/** How long the word of somebody else may stand where the controller's own should be. */
const LISTEN_EVERY_MS = 500;

/** How often the other processes are told that analyses of an experiment arrive. */
const SHARE_HEARD_EVERY_MS = 5_000;

/**
 * What the decision service does by itself: it rebuilds its states, publishes what was committed, watches the clock, tells that it is alive, and
 * keeps up with other decision processes on the same database.
 */
export class ControllerLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('decision');
  private readonly repeated = new Map<string, Repeated>();
  private stopListening: () => Promise<void> = () => Promise.resolve();
  private readonly heardSince = new Set<string>();
  /** What began here since that was shared last. */
  private readonly begunSince = new Set<string>();
  private relay: OutboxRelay | undefined;

  constructor(
    private readonly options: ControllerLoopOptions,
    private readonly decisions: Decisions,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { database, bus, clock, controller, heartbeatEveryMs, tickEveryMs, analysisSilentAfterMs } = this.options;
    const complain = (what: string) => (error: Error) => this.logger.warn(`${what} failed: ${error.message}`);
    await clock.look();
    this.relay = await startOutboxRelay({
      database,
      publisher: bus,
      onError: complain('publishing from the outbox'),
    });
    this.options.notifier.start();
    this.stopListening = await database.listen(DECISIONS_CHANNEL, (payload) => this.onNews(payload));
    await this.decisions.restart(complain('catching up'));
    const { signer, ownWord } = this.options;
    const publisher = createEventPublisher(
      { publish: (records) => bus.publish(records.map((record) => signer.sign(record))) },
      eventSource('decision', controller),
    );
    const beat = async (): Promise<void> => {
      // A controller that can't reach its log can't decide: then it must look as silent as it is.
      await clock.look();
      await publishHeartbeat(publisher, controller, clock.nowMs(), {
        running: this.decisions.running(),
        services: Object.fromEntries(this.decisions.epochs()),
      });
    };
    await beat();
    const repeat = (what: string, everyMs: number, work: () => Promise<void>): void => {
      this.repeated.set(
        what,
        every(everyMs, work, complain(what), () => clock.nowMs()),
      );
    };
    repeat(HEARTBEAT, heartbeatEveryMs, beat);
    await this.options.routers.start();
    await ownWord.start();
    repeat(OWN_WORD, LISTEN_EVERY_MS, () => ownWord.look());
    repeat(TICK, tickEveryMs, async () => {
      this.decisions.tick(analysisSilentAfterMs, complain(TICK));
      this.options.followUp.look(complain('ordering again'));
      this.options.gates.look(complain('writing down what a gate has said'));
    });
    repeat('telling other controllers', SHARE_HEARD_EVERY_MS, () => this.shareHeard());
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.repeated.values()].map((work) => work.stop()));
    await this.stopListening();
    await this.options.gates.close();
    await Promise.all([this.options.routers.close(), this.options.ownWord.close()]);
    await this.shareHeard().catch(() => undefined);
    await this.decisions.idle();
    await Promise.all([this.relay?.close(), this.options.notifier.close()]);
  }

  /** Publishes at once what has just been committed, without waiting for the database's own notification, and says what was commanded. */
  decided(experiment: string, events: readonly DeliveryEvent[]): void {
    this.relay?.wake();
    this.options.notifier.wake();
    if (beginsWithDefinition(events)) this.begunSince.add(experiment);
    for (const event of events) {
      if ('command' in event) this.logger.log(`${experiment}: ${told(event)}`);
      if (event.type === 'alert-raised') this.logger.warn(`${experiment}: ${event.message}`);
    }
  }

  /** Somebody has to look at this log; the others go on. */
  alert({ experiment, reason }: Quarantined): void {
    this.logger.error(
      `experiment ${experiment} is quarantined, nothing but a rollback can be ordered for it: ${reason}`,
    );
  }

  /** Somebody has to end that session; a rollback does it by itself. */
  alertOfParked({ experiment, reason }: Parked): void {
    this.logger.error(`experiment ${experiment} is stuck and tried again and again, the others go on: ${reason}`);
  }

  /** Its experiments still tell what is served and what was rolled back. */
  alertOfService(service: string, reason: string): void {
    this.logger.error(
      `service ${service}: its log can't be read, what its experiments tell is used instead: ${reason}`,
    );
  }

  heardHere(experiment: string): void {
    this.heardSince.add(experiment);
  }

  /** A decision service whose clock, sign of life or commands are late looks as unwell as it is. */
  get checks(): readonly HealthCheck[] {
    return [
      { name: 'tick', failureMeans: 'not-ready', look: () => this.decidesOnTime() },
      { name: 'heartbeat', failureMeans: 'not-ready', look: () => this.isOnTime(HEARTBEAT) },
      { name: 'outbox', failureMeans: 'not-ready', look: () => this.isPublished() },
      { name: 'logs', failureMeans: 'not-ready', look: () => this.quarantines() },
      { name: 'notifications', failureMeans: 'not-ready', look: () => this.options.notifier.look() },
    ];
  }

  private decidesOnTime(): HealthFinding {
    const due = this.decisions.longestDue();
    const late = due && this.unlessLate(`the clock should have moved experiment ${due.experiment}`, due.sinceMs);
    return late?.ok === false ? late : this.isOnTime(TICK);
  }

  private isOnTime(what: string): HealthFinding {
    const lastDoneAtMs = this.repeated.get(what)?.lastDoneAtMs;
    if (lastDoneAtMs === undefined) return { ok: false, reason: `${what} has not begun` };
    return this.unlessLate(`${what} was last done`, lastDoneAtMs);
  }

  /** A log that can't be read, or that somebody keeps locked, is a fact about its experiment; the service does its work for all others. */
  private quarantines(): HealthFinding {
    const quarantined = this.decisions.quarantined().map(({ experiment, reason }) => ({ experiment, reason }));
    const parked = this.decisions.parked().map(({ experiment, reason }) => ({ experiment, reason }));
    return { ok: true, facts: { quarantined, parked } };
  }

  private async isPublished(): Promise<HealthFinding> {
    const { oldestAtMs, oldestKey, size } = await createOutbox(this.options.database).waiting();
    if (oldestAtMs === null) return { ok: true };
    const what = `${size} commands and definitions wait to be published, the oldest, of "${oldestKey}", was decided`;
    return this.unlessLate(what, oldestAtMs, { waiting: size, oldestKey });
  }

  private unlessLate(what: string, atMs: number, more: Readonly<Record<string, unknown>> = {}): HealthFinding {
    const ageMs = this.options.clock.nowMs() - atMs;
    const facts = { ageMs, ...more };
    if (ageMs <= this.options.lateAfterMs) return { ok: true, facts };
    const reason = `${what} ${ageMs} ms ago; ${this.options.lateAfterMs} ms are allowed`;
    return { ok: false, reason, facts };
  }

  private onNews(payload: string): void {
    const news = readDecisionNews(payload);
    if (news?.from === this.options.controller) return;
    if (news?.what === 'heard') return this.decisions.heardElsewhere(news.experiment);
    const refreshed = news ? this.decisions.refresh(news.experiment) : this.decisions.refreshAll();
    refreshed.catch((error: Error) =>
      this.logger.warn(`reading another controller's decision failed: ${error.message}`),
    );
  }

  private async shareHeard(): Promise<void> {
    const experiments = [...this.heardSince];
    const begun = [...this.begunSince].filter((experiment) => !this.heardSince.has(experiment));
    this.heardSince.clear();
    this.begunSince.clear();
    // Where the analyses of what begins here arrive, nobody knows yet: others go on as they are.
    await this.decisions.noteHeard([...experiments, ...begun]);
    for (const experiment of experiments) {
      const news: DecisionNews = { from: this.options.controller, experiment, what: 'heard' };
      await this.options.database.query('select pg_notify($1, $2)', [DECISIONS_CHANNEL, JSON.stringify(news)]);
    }
  }
}

/** "rolled back: error-rate of candidate is …". */
function told({ type, command: { message } }: CommandEvent): string {
  const what = type.replaceAll('-', ' ');
  return message.toLowerCase().startsWith(what) ? message : `${what}: ${message}`;
}
