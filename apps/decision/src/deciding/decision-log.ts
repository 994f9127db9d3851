import {
  decodeEvent,
  unstorableIn,
  type EncodedEvent,
  type ExperimentAnalysed,
  type PublicRoute,
} from '#libs/contracts';
import {
  adoptService,
  BrokenLogError,
  deliveryEvent,
  EVENT_VERSION,
  evolveService,
  latchesInLogs,
  newService,
  readStoredEvent,
  readStoredLog,
  readStoredServiceEvent,
  refuseTakenRoute,
  serviceEvent,
  STATE_FORM,
  type DefinedState,
  type DeliveryEvent,
  type DeliveryState,
  type ServiceEvent,
  type ServiceState,
} from '#libs/delivery';
import type { Database, Queryable } from '#libs/persistence';
import {
  createAcknowledgementStore,
  createExperimentStore,
  createHeardStore,
  createServiceStore,
  type AcknowledgementStore,
  type ExperimentStore,
  type HeardStore,
  type LockHolder,
  type ServiceStore,
  type StoredDecisionEvent,
  type StoredExperiment,
  type StoredService,
  type StoredServiceEvent,
} from '#libs/persistence/decision';
import { createNotificationStore, type NewNotification, type NotificationStore } from '#libs/persistence/notifications';
import { createOutbox, type Outbox } from '#libs/persistence/outbox';
import { boundedTransaction, type TransactionBounds } from './bounded-transaction.js';
import { DECISIONS_CHANNEL, type DecisionNews } from './decision-news.js';
import { decisionSpan } from './decision-span.js';
import { isToldOfService, outgoingRecords, outgoingServiceRecords, type Author } from './outgoing-records.js';
import { pinnedBy, type Quarantined } from './quarantine.js';
import { readStoredState, withAnswers } from './stored-state.js';
import { z } from 'zod';

/** A state and the version it was read at; a save has to name that version. */
export interface Known {
  readonly state: KnownState;
  /** 0: nothing is stored under the key. */
  readonly version: number;
}

export type KnownState = DeliveryState | Quarantined;

/** A service and the version it was read at. */
export interface KnownService {
  readonly state: ServiceState;
  /** 0: nothing is stored under the name. */
  readonly version: number;
  /** What its experiments tell of it that is not in its own log yet; written with the next events. */
  readonly untold: readonly ServiceEvent[];
  /** Why its own log was not used. */
  readonly problem?: string;
}

/** What happens to a service together with a decision. */
export interface ServiceStep {
  readonly known: KnownService;
  readonly events: readonly ServiceEvent[];
}

/** A route that a service is to get; undefined: none. */
type Claim = PublicRoute | undefined;

interface AppendOptions {
  /** What it means for the service. */
  readonly service?: ServiceStep | undefined;
  /** The route that its service gets by it. */
  readonly route?: Claim;
  readonly traceparent?: string | undefined;
  readonly lockedAtMostMs?: number | undefined;
  /** What was decided upon, where that was one. */
  readonly analysis?: ExperimentAnalysed | undefined;
}

/** A decision that the log or the bus could not give back as it was: it is not taken. Trying again does not help. */
export class UnstorableDecisionError extends Error {
  override readonly name = 'UnstorableDecisionError';
  constructor(
    event: DeliveryEvent | ServiceEvent,
    problems: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
  ) {
    const told = problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    super(`"${event.type}" can't be kept: ${told}`);
  }
}

const anyEvent = z.union([deliveryEvent, serviceEvent]);

/**
 * The decision log of all experiments in Postgres. The log is the truth: what is decided rests on states that are rebuilt from it; the state that
 * is saved beside it is for who only looks.
 */
export class DecisionLog {
  private readonly store: ExperimentStore;
  private readonly services: ServiceStore;
  private readonly answers: AcknowledgementStore;
  private readonly outbox: Outbox;
  private readonly notifications: NotificationStore;
  /** Of which experiments analyses arrive. */
  readonly heard: HeardStore;

  constructor(
    private readonly database: Database,
    private readonly author: Author,
    /** Told of every session that a rollback has ended because it sat on its rows. */
    private readonly onEnded: (holder: LockHolder) => void = () => undefined,
    /** What people are to be told of a decision. */
    private readonly told: (
      events: readonly DeliveryEvent[],
      after: KnownState,
    ) => readonly NewNotification[] = () => [],
  ) {
    this.store = createExperimentStore(database);
    this.services = createServiceStore(database);
    this.answers = createAcknowledgementStore(database);
    this.outbox = createOutbox(database);
    this.notifications = createNotificationStore(database);
    this.heard = createHeardStore(database);
  }

  async keys(): Promise<readonly string[]> {
    return (await this.store.list()).map(({ key }) => key);
  }

  /**
   * Rebuilds the present state; a log that can't be read is quarantined. A save between the two reads makes the version too old, which the
   * next save notices.
   */
  async load(key: string): Promise<Known> {
    const stored = await this.store.load(key);
    if (!stored) return { state: { phase: 'absent' }, version: 0 };
    const [events, answers] = await Promise.all([this.store.events(key), this.answers.list(key)]);
    try {
      return { state: answered(readStoredLog(events), answers), version: stored.version };
    } catch (error) {
      if (!(error instanceof BrokenLogError)) throw error;
      return { state: quarantine(key, error.message, events), version: stored.version };
    }
  }

  /** For who only looks: the state that was saved beside the log, which is not read then. It may be newer than its version, never older. */
  async look(key: string): Promise<Known> {
    const stored = await this.store.load(key);
    if (!stored) return { state: { phase: 'absent' }, version: 0 };
    return { state: await this.lookAt(stored, await this.answers.list(key)), version: stored.version };
  }

  /** Of all experiments, by key. */
  async lookAtAll(): Promise<readonly KnownState[]> {
    const [stored, answers] = await Promise.all([this.store.list(), this.answers.list()]);
    return Promise.all(stored.map((one) => this.lookAt(one, answers)));
  }

  private async lookAt(stored: StoredExperiment, answers: readonly StoredAnswer[]): Promise<KnownState> {
    const state = readStoredState(stored);
    return state ? answered(state, answers) : (await this.load(stored.key)).state;
  }

  /**
   * Keeps what a router answered to the newest order. It is no decision: neither the log nor the experiment's row is touched.
   * @throws UnstorableDecisionError for what could not be read back.
   */
  async keepAnswer(event: Extract<DeliveryEvent, { readonly type: 'acknowledged' }>): Promise<void> {
    refuseUnreadable([event], []);
    const { experiment, router, epoch } = event.applied;
    await this.answers.keep({ experiment, router, epoch, answer: event.applied });
  }

  /** Of a log that can be read, but about which nothing can be decided. */
  async quarantine(key: string, version: number, reason: string): Promise<Known> {
    return { state: quarantine(key, reason, await this.store.events(key)), version };
  }

  /** Names of all services that an experiment or an operator spoke of. */
  async serviceNames(): Promise<readonly string[]> {
    const stored = await this.services.list();
    const experiments = await this.store.list();
    const named = experiments.flatMap(({ spec }) => serviceIn(spec) ?? []);
    return [...new Set([...stored.map(({ name }) => name), ...named])].sort();
  }

  /**
   * Rebuilds a service from its log; one without a log, or with one that can't be read, from its experiments.
   * @param atMs when it gets a log, if it has none
   */
  async loadService(name: string, atMs: number): Promise<KnownService> {
    const stored = await this.services.load(name);
    if (!stored) return this.adopted(name, { version: 0, epoch: 0 }, atMs);
    try {
      const events = (await this.services.events(name)).map(readStoredServiceEvent);
      return { state: events.reduce(evolveService, newService(name)), version: stored.version, untold: [] };
    } catch (error) {
      if (!(error instanceof BrokenLogError)) throw error;
      return { ...(await this.adopted(name, stored, atMs)), problem: error.message };
    }
  }

  private async adopted(
    name: string,
    { version, epoch }: Pick<StoredService, 'version' | 'epoch'>,
    atMs: number,
  ): Promise<KnownService> {
    const keys = (await this.store.list()).filter(({ spec }) => serviceIn(spec) === name).map(({ key }) => key);
    const states = await Promise.all(keys.map(async (key) => (await this.load(key)).state));
    const epochs = states.map((state) => (state.phase === 'quarantined' ? state.pinned.epoch : (state.epoch ?? 0)));
    const readable = states.filter(
      (state): state is DefinedState => state.phase !== 'absent' && state.phase !== 'quarantined',
    );
    const adopted = adoptService(readable, atMs, Math.max(epoch, ...epochs));
    const { baseline } = adopted.reduce(evolveService, newService(name));
    // A service that never had a log never had latches.
    const latches = version === 0 ? [] : latchesInLogs(await this.readableLogs(readable), baseline?.fingerprint);
    const untold = [...adopted, ...latches];
    return { state: untold.reduce(evolveService, newService(name)), version, untold };
  }

  private readableLogs(states: readonly DefinedState[]): Promise<readonly (readonly DeliveryEvent[])[]> {
    return Promise.all(
      states.map(async ({ experiment }) => (await this.store.events(experiment)).map(readStoredEvent)),
    );
  }

  /** The log of a service, oldest first. */
  async serviceEvents(name: string): Promise<readonly StoredServiceEvent[]> {
    return this.services.events(name);
  }

  /**
   * What happened to a service alone.
   * @param route that it gets by it
   * @returns it as it is stored now.
   * @throws as `append` does.
   */
  async appendToService(step: ServiceStep, route?: Claim, traceparent?: string): Promise<KnownService> {
    const { name, records } = this.serviceRecords(step, traceparent);
    return boundedTransaction(this.database, { whose: `service ${name}` }, async (tx) => {
      await this.refuseRoute(tx, name, route);
      const after = await this.saveService(tx, step);
      await this.outbox.add(tx, records);
      const news: DecisionNews = { from: this.author.controller, experiment: name, what: 'decided' };
      await tx.query('select pg_notify($1, $2)', [DECISIONS_CHANNEL, JSON.stringify(news)]);
      return after;
    });
  }

  /** Services are decided about one by one, by whichever process; a route is the only thing that two of them can both want. */
  private async refuseRoute(tx: Queryable, name: string | undefined, route: Claim): Promise<void> {
    if (name === undefined || route === undefined) return;
    const services = await this.services.listExclusively(tx);
    refuseTakenRoute(
      name,
      route,
      services.map(({ state }) => state as ServiceState),
    );
  }

  private serviceRecords({ known, events }: ServiceStep, traceparent: string | undefined) {
    const after = events.reduce(evolveService, known.state);
    const records = outgoingServiceRecords(after, [...known.untold, ...events], this.author, traceparent);
    refuseUnreadable(events, records);
    return { name: after.service, records };
  }

  private async saveService(tx: Queryable, { known, events: following }: ServiceStep): Promise<KnownService> {
    const events = [...known.untold, ...following];
    const state = following.reduce(evolveService, known.state);
    const version = await this.services.save(tx, {
      name: state.service,
      expectedVersion: known.version,
      epoch: state.epoch,
      state,
      events: events.map((event) => ({
        kind: event.type,
        data: { ...event, eventVersion: SERVICE_EVENT_VERSION },
        actor: event.actor,
        occurredAtMs: event.atMs,
      })),
    });
    return { state, version, untold: [] };
  }

  /** The audit log, oldest first. */
  async audit(key: string): Promise<readonly StoredDecisionEvent[]> {
    return this.store.events(key);
  }

  /**
   * State, its events, what they mean for the service, and the news of them for the bus: one transaction.
   * @returns the new versions.
   * @throws VersionConflictError when somebody else has decided meanwhile; UnstorableDecisionError for what could not be read back;
   *   LogLockedError when the experiment's rows stay locked; DecisionRefusedError for a route that another service has. Nothing is written then.
   */
  async append(
    known: Known,
    events: readonly DeliveryEvent[],
    after: KnownState,
    { service, route, traceparent, lockedAtMostMs, analysis }: AppendOptions,
  ): Promise<{ readonly version: number; readonly service?: KnownService }> {
    if (after.phase === 'absent') throw new TypeError('an event can not lead to an absent experiment');
    const deciding = { traceparent: this.author.tracer.child(traceparent), parent: traceparent, startMs: Date.now() };
    const records = outgoingRecords(events, this.author, deciding.traceparent);
    refuseUnreadable(events, records);
    const ofService = service && this.serviceRecords(service, deciding.traceparent);
    const revision = after.phase === 'quarantined' ? after.pinned.revision : after.revision;
    const bounds: TransactionBounds = {
      whose: `experiment ${after.experiment}`,
      lockedAtMostMs,
      endsIdleHolders: events.some(({ type }) => type === 'rolled-back'),
      onEnded: this.onEnded,
    };
    const saved = await boundedTransaction(this.database, bounds, async (tx) => {
      await this.refuseRoute(tx, service?.known.state.service, route);
      const version = await this.store.save(tx, {
        key: after.experiment,
        revision,
        expectedVersion: known.version,
        ...(after.phase === 'quarantined'
          ? await this.columnsOf(after)
          : { state: after, stateForm: STATE_FORM, spec: after.spec }),
        events: events.map((event, index) => ({
          revision,
          kind: event.type,
          data: { ...event, eventVersion: EVENT_VERSION, ...(index === 0 ? restingOn(analysis) : {}) },
          actor: event.actor,
          occurredAtMs: event.atMs,
        })),
      });
      const served = service && (await this.saveService(tx, service));
      // The baseline first: an order that names it finds it there.
      await this.outbox.add(tx, [...(ofService?.records ?? []), ...records]);
      await this.notifications.add(tx, this.told(events, after));
      const news: DecisionNews = { from: this.author.controller, experiment: after.experiment, what: 'decided' };
      await tx.query('select pg_notify($1, $2)', [DECISIONS_CHANNEL, JSON.stringify(news)]);
      return { version, ...(served ? { service: served } : {}) };
    });
    decisionSpan(this.author.tracer, deciding, events);
    return saved;
  }

  /**
   * Says again what routers have to know of an experiment, as its log has it: the newest definition and the newest order. For topics in which
   * something else has taken their place.
   * @returns what is said; nothing of one that nobody has defined
   * @throws LogLockedError when its rows stay locked.
   */
  async sayAgain(key: string): Promise<readonly EncodedEvent[]> {
    return boundedTransaction(this.database, { whose: `experiment ${key}` }, async (tx) => {
      // While nobody else decides: what is decided later has to come later.
      await tx.query('select 1 from teststrip.experiments where key = $1 for update', [key]);
      const events = (await this.store.events(key)).flatMap(readableEvent);
      const newest = [
        events.findLast((event) => 'definition' in event),
        events.findLast((event) => 'command' in event),
      ];
      const records = outgoingRecords(
        newest.filter((event) => event !== undefined),
        this.author,
        undefined,
      );
      await this.outbox.add(tx, records);
      return records;
    });
  }

  /** The same of a service: its baseline and slots. */
  async sayServiceAgain(name: string): Promise<readonly EncodedEvent[]> {
    return boundedTransaction(this.database, { whose: `service ${name}` }, async (tx) => {
      await tx.query('select 1 from teststrip.services where name = $1 for update', [name]);
      const events = (await this.services.events(name)).map(readStoredServiceEvent);
      const after = events.reduce(evolveService, newService(name));
      const newest = events.filter(isToldOfService).slice(-1);
      const records = outgoingServiceRecords(after, newest, this.author, undefined);
      await this.outbox.add(tx, records);
      return records;
    });
  }

  /**
   * Returns once nobody keeps the rows locked that decisions about the experiment need.
   * @throws LogLockedError where somebody does.
   */
  async probe(key: string, service: string | undefined): Promise<void> {
    await boundedTransaction(this.database, { whose: `experiment ${key}` }, async (tx) => {
      await tx.query('select 1 from teststrip.experiments where key = $1 for update', [key]);
      await tx.query('select 1 from teststrip.services where name = $1 for update', [service ?? '']);
    });
  }

  /** For readers of the table: the quarantine as the state, and the specification as it was. */
  private async columnsOf(state: Quarantined): Promise<{ readonly state: unknown; readonly spec: unknown }> {
    return { state, spec: (await this.store.load(state.experiment))?.spec ?? {} };
  }
}

/** Beside the first event of a decision, so that it can be decided again. One that can't be kept prevents no decision. */
function restingOn(analysis: ExperimentAnalysed | undefined): { readonly restsOn?: ExperimentAnalysed } {
  return analysis === undefined || unstorableIn(analysis) ? {} : { restsOn: analysis };
}

/** One that can't be read says nothing; those around it do. */
function readableEvent(stored: StoredDecisionEvent): readonly DeliveryEvent[] {
  try {
    return [readStoredEvent(stored)];
  } catch (error) {
    if (error instanceof BrokenLogError) return [];
    throw error;
  }
}

function quarantine(experiment: string, reason: string, events: readonly StoredDecisionEvent[]): Quarantined {
  return { phase: 'quarantined', experiment, reason, pinned: pinnedBy(events) };
}

type StoredAnswer = Awaited<ReturnType<AcknowledgementStore['list']>>[number];

function answered(state: DeliveryState, answers: readonly StoredAnswer[]): DeliveryState {
  return state.phase === 'absent'
    ? state
    : withAnswers(
        state,
        answers.filter(({ experiment }) => experiment === state.experiment).map(({ answer }) => answer),
      );
}

function serviceIn(spec: unknown): string | undefined {
  return z.object({ service: z.string() }).safeParse(spec).data?.service;
}

/** Version of the service events that this code writes. */
const SERVICE_EVENT_VERSION = 1;

/** @throws UnstorableDecisionError for what the log or the bus would not give back as it was. */
function refuseUnreadable(events: readonly (DeliveryEvent | ServiceEvent)[], records: readonly EncodedEvent[]): void {
  for (const event of events) {
    const unstorable = unstorableIn(event);
    if (unstorable) throw new UnstorableDecisionError(event, [unstorable]);
    const read = anyEvent.safeParse(JSON.parse(JSON.stringify(event)));
    if (!read.success) throw new UnstorableDecisionError(event, read.error.issues);
  }
  for (const record of records) decodeEvent(record);
}
