import { randomUUID } from 'node:crypto';
import type { AllocationApplied, ExperimentAnalysed } from '#libs/contracts';
import {
  claimedRoute,
  decideOnService,
  decider,
  DecisionRefusedError,
  gatesToAsk,
  isActive,
  newService,
  operateService,
  type DefinedState,
  type DeliveryEvent,
  type DeliveryInput,
  type DeliveryState,
  type GateSaid,
  type HeldState,
  type OrderEffect,
  type ServiceEvent,
  type Operate,
  type ServiceInput,
  type ServiceMode,
  type ServiceState,
  wasPausedWith,
  type StartedState,
  unansweredOf,
  type Unanswered,
} from '#libs/delivery';
import { VersionConflictError } from '#libs/persistence/decision';
import type { Clock } from '#libs/platform';
import type { GateQuestion } from '../gates/ask-gate.js';
import type { RouterWatch } from '../routers/router-watch.js';
import { LogLockedError } from './bounded-transaction.js';
import type { DecisionLog, Known, KnownService, KnownState } from './decision-log.js';
import { Lanes } from './lanes.js';
import { Parking, type KeptAnalysis, type Parked } from './parking.js';
import { followInQuarantine, type Quarantined } from './quarantine.js';

/** An operator's order before it has a time and an id. */
export type Order = DistributiveOmit<Extract<DeliveryInput, { readonly actor: string }>, 'atMs' | 'commandId'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What an order led to. */
export interface Obeyed {
  readonly state: DefinedState | Quarantined;
  /** False where everything was as ordered already. */
  readonly changed: boolean;
  /** What followed. */
  readonly events: readonly DeliveryEvent[];
  /** Where it stood before. */
  readonly before: KnownState;
  /** Of its log, in which each decision has a number. */
  readonly version: number;
}

/** An order that rests on what is the case no more: whoever gives it has to look again. */
export class SeenBeforeError extends Error {
  override readonly name = 'SeenBeforeError';
  constructor(what: string, seen: number, present: number) {
    super(`${what} has ${present} decisions, the order was given when it had ${seen}: look at it again, then order`);
  }
}

export interface DecisionsListener {
  /** After every commit that put something into the outbox: what was decided about the experiment. */
  decided(experiment: string, events: readonly DeliveryEvent[]): void;
  /** Once for every reason: nothing is decided about this experiment any more. */
  quarantined(experiment: Quarantined): void;
  /** Once when it begins: somebody else keeps its rows locked, it is tried again and again, the others go on. */
  parked(experiment: Parked): void;
  /** Once for every reason: a service's own log can't be read, and what its experiments tell is used. */
  unreadable(service: string, reason: string): void;
}

/** An operator's order about a service before it has a time. */
export type ServiceOrder = DistributiveOmit<ServiceInput, 'atMs'>;

/** What an input has led to. */
type Taken = Pick<Obeyed, 'before' | 'events' | 'version'> & { readonly after: KnownState };

interface TakeOptions {
  /** The newest state is read first, whoever wrote it. */
  readonly fresh?: boolean;
  readonly traceparent?: string | undefined;
  /** What whoever orders it has seen. */
  readonly ifVersion?: number | undefined;
}

/** A service with the number of decisions in its log. */
export type SeenService = Pick<KnownService, 'state' | 'version'>;
type ServiceObeyed = SeenService & { readonly changed: boolean };

/** @throws SeenBeforeError where something was decided since */
function refuseUnseen(what: string, present: number, seen: number | undefined): void {
  if (seen !== undefined && seen !== present) throw new SeenBeforeError(what, seen, present);
}

/** What follows from an input, and the state after it. */
interface Followed {
  readonly events: readonly DeliveryEvent[];
  /** What the events mean for the service. */
  readonly serviceEvents: readonly ServiceEvent[];
  readonly after: KnownState;
}

/** How often a decision is taken anew because another process was faster, before the caller is told. */
const ATTEMPTS = 20;
/** A person who orders a rollback waits until whoever sits on the rows has been ended. */
const PERSON_LOCKED_AT_MOST_MS = 2_000;
/** How long the newest analysis speaks for the present. */
const LATEST_FOR_MS = 60_000;
/** How long after a start an analysis that had come to others may take to come here. */
const FIRST_ANALYSIS_WITHIN_MS = 10_000;
/** Each holds a connection for as long as a lock is waited for. */
const PROBES_AT_ONCE = 2;

/**
 * The single writer: takes inputs, lets libs/delivery decide, and appends what follows. Inputs of one experiment are taken one after the
 * other; between processes the stored version decides, and who lost looks again and decides anew.
 */
export class Decisions {
  private readonly known = new Map<string, Known>();
  /** By name; what another process may have changed is not in here. */
  private readonly services = new Map<string, KnownService>();
  /** Of every service that was ever read here; epochs only grow. */
  private readonly serviceEpochs = new Map<string, { readonly epoch: number; readonly sinceMs: number }>();
  /** Keys whose state in memory may be old; it is read again before the next decision. */
  private readonly stale = new Set<string>();
  private readonly lanes = new Lanes();
  private readonly parking = new Parking();
  /** When an analysis was heard here; only for experiments of which more have to come. */
  private readonly heardAtMs = new Map<string, number>();
  /** The newest analysis of each experiment that was heard here. */
  private readonly latest = new Map<string, { readonly analysis: ExperimentAnalysed; readonly heardAtMs: number }>();
  /** Since when time should have moved an experiment that it has not moved yet, by key. */
  private readonly dueSinceMs = new Map<string, number>();
  /** Keys of parked experiments that are being looked at. */
  private readonly probing = new Set<string>();
  /** Keys that a tick is being decided for, or that are being read again. */
  private readonly moving = new Set<string>();
  /** When this process had read what is stored. */
  private startedAtMs = 0;
  /** Keys of experiments whose state could not be read; they are read again at every tick. */
  private readonly unread = new Set<string>();
  /** Reasons that were told, by key. */
  private readonly alerted = new Map<string, string>();

  constructor(
    private readonly log: DecisionLog,
    private readonly clock: Clock,
    private readonly listener: DecisionsListener,
    private readonly routers: Pick<RouterWatch, 'underWayOf'>,
  ) {}

  /**
   * Rebuilds every experiment from the log; deadlines that passed meanwhile are caught up with.
   * @param onFailure told of each experiment that can't be caught up with now; `tick` tries it again
   */
  async restart(onFailure: (error: Error) => void): Promise<void> {
    const keys = await this.log.keys();
    for (const key of keys) await this.refresh(key).catch(onFailure);
    for (const name of await this.log.serviceNames()) await this.adopt(name).catch(onFailure);
    // Analyses came before this process did. Their silence counts from the last one, however often processes are started meanwhile.
    for (const { experiment, heardAtMs } of await this.log.heard.list())
      if (this.known.has(experiment)) this.heardAtMs.set(experiment, heardAtMs);
    this.startedAtMs = this.clock.nowMs();
    await Promise.all(keys.map((key) => this.take(key, { ...this.now(), type: 'restarted' }).catch(onFailure)));
  }

  /**
   * Obeys an operator.
   * @param ifVersion what the operator has seen; see {@link SeenBeforeError}
   * @throws DecisionRefusedError when the state forbids it, QuarantinedError when the experiment is quarantined.
   */
  async order(key: string, order: Order, ifVersion?: number): Promise<Obeyed> {
    // Whoever asks has seen the newest state, perhaps of another process: so has the decision to.
    const known = order.type === 'rollback' ? { analysis: this.latestOf(key) } : {};
    const input = { ...order, ...this.now(), ...known };
    const { before, after, events, version } = await this.take(key, input, { fresh: true, ifVersion });
    if (after.phase === 'absent') throw new TypeError(`${key}: an order left nothing behind`);
    return { state: after, changed: after !== before, events, before, version };
  }

  /**
   * What an order would lead to; nothing is decided.
   * @throws as `order` does.
   */
  async preview(key: string, order: Order, ifVersion?: number): Promise<Obeyed> {
    const input = { ...order, ...this.now() };
    const { state: before, version } = await this.log.load(key);
    refuseUnseen(`experiment ${key}`, version, ifVersion);
    const name = serviceOf(before, input);
    const service = name === undefined ? undefined : (await this.log.loadService(name, this.clock.nowMs())).state;
    const { events, after } = follow(before, service, input);
    if (after.phase === 'absent') throw new TypeError(`${key}: an order left nothing behind`);
    return { state: after, changed: events.length > 0, events, before, version };
  }

  /**
   * Obeys an operator's order about a service itself.
   * @throws DecisionRefusedError when its state forbids it, or nobody has heard of it.
   */
  async orderOfService(name: string, order: ServiceOrder, ifVersion?: number): Promise<ServiceObeyed> {
    const obey = async (): Promise<ServiceObeyed> => {
      for (let attempt = 1; ; attempt += 1) {
        this.services.delete(name);
        const known = await this.recallService(name);
        if (known.version === 0 && known.untold.length === 0 && isOfKnownService(order)) throw unknownService(name);
        refuseUnseen(`service ${name}`, known.version, ifVersion);
        const events = operateService(known.state, { ...order, atMs: this.clock.nowMs() });
        if (events.length === 0) return { state: known.state, changed: false, version: known.version };
        try {
          const after = await this.log.appendToService({ known, events }, claimedRoute(known.state, undefined, events));
          this.keepService(after);
          this.listener.decided(name, []);
          return { state: after.state, changed: true, version: after.version };
        } catch (error) {
          if (!(error instanceof VersionConflictError) || attempt >= ATTEMPTS) throw error;
        }
      }
    };
    return this.lanes.run(`service ${name}`, obey);
  }

  /**
   * Pauses, drains, deletes a service or lets it go on, with the experiments that run on it. Asked for again, what was left undone is done.
   * @throws DecisionRefusedError when its state forbids it, or nobody has heard of it.
   */
  setMode(name: string, mode: ServiceMode, by: By, ifVersion?: number): Promise<SeenService> {
    return this.lanes.run(`mode of ${name}`, () => this.setModeInTurn(name, mode, by, ifVersion));
  }

  private async setModeInTurn(
    name: string,
    mode: ServiceMode,
    by: By,
    ifVersion: number | undefined,
  ): Promise<SeenService> {
    await this.orderOfService(name, { type: 'set-mode', mode, ...by }, ifVersion);
    // From now on nothing begins on it that the mode forbids: who has a slot is known.
    const { slots } = (await this.seeService(name)).state;
    for (const { heldBy } of slots) {
      const seen = await this.seeService(name);
      // Somebody has ordered another mode meanwhile, and follows that.
      if ((seen.state.mode ?? 'open') !== mode) return seen;
      if (heldBy) await this.followMode(seen.state, heldBy.experiment, mode, by).catch(unlessDone);
    }
    return this.seeService(name);
  }

  /** What a service's mode means for an experiment on it. */
  private async followMode(known: ServiceState, key: string, mode: ServiceMode, { actor, note }: By): Promise<void> {
    const { service } = known;
    const state = await this.find(key);
    const order = (type: Operate['type'], what: string): Promise<unknown> =>
      this.order(key, { type, actor, note: `${service} is ${what}: ${note}` });
    if (mode === 'paused') await order('pause', 'paused');
    // What somebody had paused before stays so.
    if (mode === 'open' && state.phase === 'paused' && wasPausedWith(known, state.pausedAtMs))
      await order('resume', 'resumed');
    if (mode !== 'drained') return;
    if (state.phase === 'quarantined') await order('rollback', 'drained');
    else if (state.phase !== 'absent') await order('end', 'drained');
    else
      await this.orderOfService(service, {
        type: 'free-slot',
        experiment: key,
        actor,
        note: `${key} has no log: ${note}`,
      });
  }

  /** The service as it is stored, whoever wrote it. @throws DecisionRefusedError for one that nobody has spoken of. */
  async seeService(name: string): Promise<SeenService> {
    const known = await this.log.loadService(name, this.clock.nowMs());
    if (known.version === 0 && known.untold.length === 0) throw unknownService(name);
    return known;
  }

  async listServices(): Promise<readonly ServiceState[]> {
    const names = await this.log.serviceNames();
    return (await Promise.all(names.map((name) => this.log.loadService(name, this.clock.nowMs())))).map(
      ({ state }) => state,
    );
  }

  /**
   * Decides upon an analysis. Where the experiment is stuck the newest one is kept until it is not: those of others do not wait behind it.
   * @param traceparent trace of the analysis; what is decided upon it belongs to that
   */
  async analysed(analysis: ExperimentAnalysed, traceparent?: string): Promise<void> {
    // Without traffic there is nothing to analyse: silence is what has to follow then.
    if (analysis.health.staleness.status === 'no-traffic') this.heardAtMs.delete(analysis.experiment);
    else if (this.isByPresentPolicy(analysis)) this.heardAtMs.set(analysis.experiment, this.clock.nowMs());
    if (this.known.has(analysis.experiment))
      this.latest.set(analysis.experiment, { analysis, heardAtMs: this.clock.nowMs() });
    const kept = { analysis, traceparent };
    if (this.parking.has(analysis.experiment)) return this.parking.keep(analysis.experiment, kept);
    await this.judge(kept).catch((error: unknown) => {
      if (!(error instanceof LogLockedError)) throw error;
      this.parking.keep(analysis.experiment, kept);
    });
    // Whose name somebody made up is remembered nowhere.
    if (!this.known.has(analysis.experiment)) this.heardAtMs.delete(analysis.experiment);
  }

  /** Requests that keep a candidate's share from rising; null where none do, or no analysis came lately. */
  unansweredIn(state: StartedState): Unanswered | null {
    const { experiment, revision, spec, weightsPpm } = state;
    const analysis = this.latestOf(experiment);
    if (state.phase !== 'running' || analysis?.revision !== revision) return null;
    return unansweredOf(
      { spec, weightsPpm, requests: analysis.requests },
      this.routers.underWayOf(experiment, revision),
    );
  }

  /** Gates that ramps wait for. */
  gatesToAsk(): readonly GateQuestion[] {
    return [...this.known.values()].flatMap(({ state }) => {
      if (state.phase === 'absent' || state.phase === 'quarantined') return [];
      return gatesToAsk(state).map((asked) => ({ state, asked }));
    });
  }

  /** What a gate has answered. @throws DecisionRefusedError where a draft that waited for nothing else can't start */
  async gateSaid(key: string, said: Omit<GateSaid, 'type' | 'atMs' | 'commandId'>): Promise<void> {
    await this.take(key, { ...said, ...this.now(), type: 'gate-said' });
  }

  /** Tells controllers that start later of which experiments analyses arrive. */
  async noteHeard(experiments: readonly string[]): Promise<void> {
    if (experiments.length === 0) return;
    const isHeard = (key: string): boolean => this.heardAtMs.has(key);
    await this.log.heard.note(
      experiments.filter(isHeard),
      experiments.filter((key) => !isHeard(key)),
    );
  }

  /** Undefined where none was heard lately: it would say how things were. */
  private latestOf(key: string): ExperimentAnalysed | undefined {
    const latest = this.latest.get(key);
    return latest && this.clock.nowMs() - latest.heardAtMs <= LATEST_FOR_MS ? latest.analysis : undefined;
  }

  private async judge({ analysis, traceparent }: KeptAnalysis): Promise<void> {
    const underWay = this.routers.underWayOf(analysis.experiment, analysis.revision);
    await this.take(analysis.experiment, { ...this.now(), type: 'analysed', analysis, underWay }, { traceparent });
  }

  /** An analyzer that has not heard of the present policy says nothing that the ramp could rise on. */
  private isByPresentPolicy({ experiment, policy = 0 }: ExperimentAnalysed): boolean {
    const state = this.known.get(experiment)?.state;
    return state === undefined || !('policy' in state) || state.policy === policy;
  }

  /** A router's answer. It is kept beside the log: answers decide nothing, and there are as many as routers and orders. */
  async applied(applied: AllocationApplied): Promise<void> {
    const { state } = await this.atLeast(applied.experiment, applied.epoch);
    if (state.phase === 'quarantined') return;
    for (const event of decider.decide(state, { ...this.now(), type: 'applied', applied })) {
      if (event.type !== 'acknowledged') continue;
      await this.log.keepAnswer(event);
      const known = this.known.get(applied.experiment);
      if (known && known.state.phase !== 'quarantined' && known.state.epoch === state.epoch)
        this.known.set(applied.experiment, { ...known, state: decider.evolve(known.state, event) });
    }
  }

  /** What is known of an experiment, read anew where a router has answered an order that is not known here. */
  private async atLeast(key: string, epoch: number): Promise<Known> {
    const known = this.known.get(key);
    const epochHere = known?.state.phase === 'quarantined' ? Infinity : (known?.state.epoch ?? 0);
    if (known && epochHere >= epoch) return known;
    return this.lanes.run(key, () => {
      this.stale.add(key);
      return this.recall(key);
    });
  }

  /** The order is not what every live router obeys. */
  async contested(
    { experiment, lastCommand }: StartedState,
    { behind, servedEpoch }: Extract<OrderEffect, { readonly state: 'contested' }>,
  ): Promise<void> {
    const order = { type: 'contested' as const, epoch: lastCommand.epoch, behind, servedEpoch };
    await this.take(experiment, { ...this.now(), ...order }, { fresh: true });
  }

  /** Somebody else gives orders about the experiment in the controller's name: said once per revision, and changes nothing. */
  async forged(experiment: string, message: string): Promise<void> {
    const nothingBehind = { epoch: 0, behind: [], servedEpoch: 0 };
    await this.take(experiment, { ...this.now(), type: 'contested', ...nothingBehind, forged: message });
  }

  /** Whether it is the key of an experiment or the name of a service that was ever read here. */
  knows(name: string): boolean {
    return this.known.has(name) || this.serviceEpochs.has(name);
  }

  /** Of every service the experiment that its newest order is about. */
  newestOrders(): readonly StartedState[] {
    const newest = new Map<string, StartedState>();
    for (const { state } of this.known.values()) {
      if (state.phase === 'absent' || state.phase === 'draft' || state.phase === 'quarantined') continue;
      const { service } = state.spec;
      if ((newest.get(service)?.lastCommand.epoch ?? 0) < state.lastCommand.epoch) newest.set(service, state);
    }
    return [...newest.values()];
  }

  /** The epoch of the newest order about each service, whether an experiment's or an operator's. */
  epochs(): ReadonlyMap<string, number> {
    return new Map([...this.serviceEpochs].map(([service, { epoch }]) => [service, epoch]));
  }

  /** Since when that epoch has been known here. */
  epochSinceMs(service: string): number {
    return this.serviceEpochs.get(service)?.sinceMs ?? 0;
  }

  /** Analyses of the experiment arrive at another process now: silence here means nothing. */
  heardElsewhere(key: string): void {
    this.heardAtMs.delete(key);
  }

  /**
   * Looks at the clock for every experiment that time can move. Costs nothing where nothing is due, and waits for none: what hangs or fails for
   * one experiment does not delay another. What failed is due still, at the next tick.
   */
  tick(analysisSilentAfterMs: number, onFailure: (error: Error) => void): void {
    this.retryParked(onFailure);
    this.retryUnread(onFailure);
    for (const [key, { state }] of this.known) {
      const input = {
        ...this.now(),
        type: 'tick' as const,
        lastAnalysedAtMs: this.lastAnalysedAtMs(key, analysisSilentAfterMs),
        analysisSilentAfterMs,
      };
      if (state.phase === 'quarantined' || !mayMove(state, input)) this.dueSinceMs.delete(key);
      else this.moveDue(key, input, onFailure);
    }
  }

  /** Everything may have been away before this process began: for a moment longer an analysis may be on its way. */
  private lastAnalysedAtMs(key: string, silentAfterMs: number): number | null {
    const heardAtMs = this.heardAtMs.get(key);
    if (heardAtMs === undefined) return null;
    return Math.max(heardAtMs, this.startedAtMs + Math.min(FIRST_ANALYSIS_WITHIN_MS, silentAfterMs) - silentAfterMs);
  }

  private retryUnread(onFailure: (error: Error) => void): void {
    for (const key of this.unread) this.move(key, () => this.refresh(key), onFailure);
  }

  private moveDue(
    key: string,
    input: Extract<DeliveryInput, { readonly type: 'tick' }>,
    onFailure: (error: Error) => void,
  ): void {
    if (!this.dueSinceMs.has(key)) this.dueSinceMs.set(key, input.atMs);
    if (!this.parking.has(key)) this.move(key, () => this.take(key, input), onFailure);
  }

  /** Does what is due for an experiment, unless that is under way; what fails is due still. */
  private move(key: string, due: () => Promise<unknown>, onFailure: (error: Error) => void): void {
    if (this.moving.has(key)) return;
    this.moving.add(key);
    due()
      .then(() => this.dueSinceMs.delete(key))
      .catch(onFailure)
      .finally(() => this.moving.delete(key));
  }

  /** Looks, for as many at a time as leave connections for the others, whether they are stuck still. */
  private retryParked(onFailure: (error: Error) => void): void {
    const due = this.parking.due(this.clock.nowMs()).filter((key) => !this.probing.has(key));
    for (const key of due.slice(0, PROBES_AT_ONCE - this.probing.size)) {
      this.probing.add(key);
      this.probe(key)
        .catch((error: Error) => {
          // That it is stuck still was told when it began.
          if (!(error instanceof LogLockedError)) onFailure(error);
        })
        .finally(() => this.probing.delete(key));
    }
  }

  private async probe(key: string): Promise<void> {
    const waiting = this.parking.kept(key);
    // A rollback that it leads to ends whoever sits on the rows, which a mere look does not.
    if (waiting) await this.judge(waiting);
    const state = this.known.get(key)?.state;
    try {
      await this.log.probe(key, state && serviceNamedBy(state));
    } catch (error) {
      this.parking.park(key, (error as Error).message, this.clock.nowMs());
      throw error;
    }
    const kept = this.parking.release(key);
    if (kept && kept !== waiting) await this.analysed(kept.analysis, kept.traceparent);
  }

  /** Experiments that nothing can be decided about at present because their rows are locked. */
  parked(): readonly Parked[] {
    return this.parking.all();
  }

  parkedAs(key: string): Parked | undefined {
    return this.parking.find(key);
  }

  /** What has been due for longest and is not decided; undefined where nothing is. */
  longestDue(): { readonly experiment: string; readonly sinceMs: number } | undefined {
    return [...this.dueSinceMs]
      .map(([experiment, sinceMs]) => ({ experiment, sinceMs }))
      .sort((a, b) => a.sinceMs - b.sinceMs)[0];
  }

  /** Resolves when all that was begun has ended, well or not. */
  async idle(): Promise<void> {
    await this.lanes.idle();
  }

  /** Keys of the experiments that are being decided about. */
  running(): readonly string[] {
    return [...this.known]
      .filter(([, { state }]) => state.phase !== 'quarantined' && isActive(state))
      .map(([key]) => key);
  }

  /** Experiments that can't be judged at present. */
  held(): readonly HeldState[] {
    return [...this.known.values()].flatMap(({ state }) => (state.phase === 'held' ? [state] : []));
  }

  /** The present state as it is stored, whoever wrote it. */
  async find(key: string): Promise<KnownState> {
    return (await this.see(key)).state;
  }

  /** The same with the number of decisions in its log; 0 for one that nobody has defined. */
  see(key: string): Promise<Known> {
    return this.isQuarantined(key) ? this.log.load(key) : this.log.look(key);
  }

  async list(): Promise<readonly KnownState[]> {
    const states = await this.log.lookAtAll();
    return Promise.all(
      states.map(async (state) => {
        if (state.phase === 'absent' || !this.isQuarantined(state.experiment)) return state;
        return (await this.log.load(state.experiment)).state;
      }),
    );
  }

  private isQuarantined(key: string): boolean {
    return this.known.get(key)?.state.phase === 'quarantined';
  }

  /** Experiments that are quarantined at present. */
  quarantined(): readonly Quarantined[] {
    return [...this.known.values()].flatMap(({ state }) => (state.phase === 'quarantined' ? [state] : []));
  }

  /** Another process has decided: what is kept here is old. */
  async refresh(key: string): Promise<void> {
    await this.lanes.run(key, async () => {
      this.stale.add(key);
      this.services.clear();
      try {
        await this.recall(key);
        this.unread.delete(key);
      } catch (error) {
        this.unread.add(key);
        if (!this.dueSinceMs.has(key)) this.dueSinceMs.set(key, this.clock.nowMs());
        throw new Error(`${key}: ${(error as Error).message}`, { cause: error });
      }
    });
  }

  /** News may have been missed: everything is read anew. */
  async refreshAll(): Promise<void> {
    const failures: Error[] = [];
    for (const key of await this.log.keys()) await this.refresh(key).catch((error: Error) => failures.push(error));
    const [first, ...others] = failures;
    if (first) throw others.length === 0 ? first : new Error(`${first.message}; and ${others.length} more`);
  }

  private now(): { readonly atMs: number; readonly commandId: string } {
    return { atMs: this.clock.nowMs(), commandId: randomUUID() };
  }

  private take(
    key: string,
    input: DeliveryInput,
    { fresh = false, traceparent, ifVersion }: TakeOptions = {},
  ): Promise<Taken> {
    const decideInTurn = async (): Promise<Taken> => {
      if (fresh) this.stale.add(key);
      for (let attempt = 1; ; attempt += 1) {
        const known = await this.recall(key);
        refuseUnseen(`experiment ${key}`, known.version, ifVersion);
        const name = serviceOf(known.state, input);
        if (fresh && name !== undefined) this.services.delete(name);
        try {
          const service = name === undefined ? undefined : await this.recallService(name);
          const { events, serviceEvents, after } = follow(known.state, service?.state, input);
          if (events.length === 0) return { before: known.state, after: known.state, events, version: known.version };
          const step = service && serviceEvents.length > 0 ? { known: service, events: serviceEvents } : undefined;
          const route = service && claimedRoute(service.state, input, serviceEvents);
          const lockedAtMostMs = 'actor' in input ? PERSON_LOCKED_AT_MOST_MS : undefined;
          const analysis = 'analysis' in input ? input.analysis : undefined;
          if (beginsWithDefinition(events)) this.heardAtMs.set(key, this.clock.nowMs());
          const options = { service: step, route, traceparent, lockedAtMostMs, analysis };
          const stored = await this.log.append(known, events, after, options);
          this.known.set(key, { state: after, version: stored.version });
          if (stored.service) this.keepService(stored.service);
          this.listener.decided(key, events);
          return { before: known.state, after, events, version: stored.version };
        } catch (error) {
          if (error instanceof UndecidableError && known.state.phase !== 'quarantined' && !isFromTheBus(input)) {
            this.remember(key, await this.log.quarantine(key, known.version, error.message));
            continue;
          }
          // Also when the connection broke at the commit: only the log knows whether it happened.
          this.stale.add(key);
          if (name !== undefined) this.services.delete(name);
          if (error instanceof LogLockedError) this.park(key, error);
          if (!(error instanceof VersionConflictError) || attempt >= ATTEMPTS) throw error;
        }
      }
    };
    return this.lanes.run(key, decideInTurn, { urgent: 'actor' in input });
  }

  private park(key: string, { message }: LogLockedError): void {
    if (this.parking.park(key, message, this.clock.nowMs())) this.listener.parked(this.parking.find(key) as Parked);
  }

  private async recall(key: string): Promise<Known> {
    const remembered = this.known.get(key);
    if (remembered && !this.stale.has(key)) return remembered;
    const loaded = await this.log.load(key);
    this.stale.delete(key);
    if (loaded.state.phase !== 'absent') this.remember(key, loaded);
    return loaded;
  }

  private async recallService(name: string): Promise<KnownService> {
    const remembered = this.services.get(name);
    if (remembered) return remembered;
    const loaded = await this.log.loadService(name, this.clock.nowMs());
    const { problem } = loaded;
    if (problem !== undefined && this.alerted.get(`service ${name}`) !== problem) {
      this.alerted.set(`service ${name}`, problem);
      this.listener.unreadable(name, problem);
    }
    this.keepService(loaded);
    return loaded;
  }

  private keepService(known: KnownService): void {
    const { service, epoch } = known.state;
    this.services.set(service, known);
    const before = this.serviceEpochs.get(service)?.epoch ?? 0;
    if (epoch <= before && this.serviceEpochs.has(service)) return;
    this.serviceEpochs.set(service, { epoch, sinceMs: this.clock.nowMs() });
  }

  /** A service of before services had logs gets one. */
  private async adopt(name: string): Promise<void> {
    const known = await this.recallService(name);
    if (known.version > 0 || known.untold.length === 0) return;
    try {
      this.keepService(await this.log.appendToService({ known, events: [] }));
    } catch (error) {
      this.services.delete(name);
      // Another process was faster.
      if (!(error instanceof VersionConflictError)) throw error;
    }
  }

  private remember(key: string, known: Known): void {
    this.known.set(key, known);
    if (known.state.phase !== 'quarantined') this.alerted.delete(key);
    else if (this.alerted.get(key) !== known.state.reason) {
      this.alerted.set(key, known.state.reason);
      this.listener.quarantined(known.state);
    }
  }
}

/** Nothing can be decided about an experiment: the decision core itself failed. Trying again does not help. */
export class UndecidableError extends Error {
  override readonly name = 'UndecidableError';
}

/** Who orders, and why. */
interface By {
  readonly actor: string;
  readonly note: string;
}

/** Only a baseline or slots may be set before anybody has spoken of the service. */
function isOfKnownService({ type }: ServiceOrder): boolean {
  return type !== 'set-baseline' && type !== 'set-slots';
}

const DONE: ReadonlySet<string> = new Set(['already-ended', 'already-paused', 'not-paused', 'not-started']);

/** What has ended, or is paused, meanwhile is as it was to be. */
function unlessDone(error: unknown): void {
  if (!(error instanceof DecisionRefusedError && DONE.has(error.code))) throw error;
}

/**
 * The analyzer answers the definition of a revision that it has no evidence of with an analysis, if only to say that there is no traffic: from then on silence is one.
 * What begins later, by an approval, was answered before.
 */
export function beginsWithDefinition(events: readonly DeliveryEvent[]): boolean {
  return events.some(({ type }) => type === 'defined') && events.some(({ type }) => type === 'started');
}

/** The service that an input is about; undefined where nothing tells it. */
function serviceOf(state: KnownState, input: DeliveryInput): string | undefined {
  return serviceNamedBy(state) ?? (input.type === 'define' ? input.spec.service : undefined);
}

/** The service that a state names; undefined where it names none, or its log can't be read so far. */
export function serviceNamedBy(state: KnownState): string | undefined {
  if (state.phase === 'quarantined') return state.pinned.service ?? undefined;
  return state.phase === 'absent' ? undefined : state.spec.service;
}

function unknownService(name: string): DecisionRefusedError {
  return new DecisionRefusedError(
    'unknown-service',
    `There is no service "${name}"; GET /v1/services lists those that experiments are about`,
  );
}

function follow(state: KnownState, service: ServiceState | undefined, input: DeliveryInput): Followed {
  if (state.phase === 'quarantined') return followInQuarantine(state, service, input);
  try {
    const { events, serviceEvents } = decideOnService(service ?? newService('unknown'), state, input);
    return { events, serviceEvents, after: events.reduce(decider.evolve, state) };
  } catch (error) {
    if (error instanceof DecisionRefusedError) throw error;
    throw new UndecidableError(`deciding on "${input.type}" failed: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether something follows, or has to be found out to be impossible. */
function mayMove(state: DeliveryState, input: DeliveryInput): boolean {
  try {
    return decider.decide(state, input).length > 0;
  } catch {
    return true;
  }
}

/** What may be wrong is then the message, which must not speak for the whole experiment. */
function isFromTheBus({ type }: DeliveryInput): boolean {
  return type === 'analysed' || type === 'applied';
}
