import type { AllocationCommanded, ControllerHeartbeat, ExperimentDefined, ServiceDefined } from '#libs/contracts';
import type { BrokenGlass } from './broken-glass.js';
import type { ControllerWatch } from './controller-watch.js';
import {
  command as commandState,
  definitionOf,
  defineRevision as defineState,
  isSameOrder,
  unknownExperiment,
  type CommandOutcome,
  type ExperimentState,
} from './experiment-state.js';
import {
  buildRoutingTable,
  routeOfService,
  servicesOf,
  type ExperimentRoute,
  type RouterState,
  type RoutingTable,
  type ServiceRoute,
} from './routing-table.js';
import { PublicRoutes, routesInForce, type OwnedRoute } from './public-routes.js';
import type { Upstream } from './upstream.js';

export interface AllocationsOptions {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** Of services whose route no order names. */
  readonly routes: readonly OwnedRoute[];
  readonly watch: ControllerWatch;
  /** Hears of every command and what became of it, after the table was swapped. */
  readonly onCommand: (command: AllocationCommanded, answer: CommandOutcome) => void;
  /** Hears of every change of the state. */
  readonly onChange: (state: RouterState) => void;
}

/** How long the controller's orders may be ahead of what is known here before they count as missed. */
const BEHIND_AT_MOST_MS = 2_000;

/**
 * How far an order's epoch may be above all that is known of its service, by its orders or the controller's signs of life. The controller outdoes
 * routers that are further than it, by no more than this; an order from further away would leave few epochs for the rollbacks after it.
 */
const LARGEST_EPOCH_STEP = 100_001;

/** The router's present knowledge: one immutable table, swapped as a whole. */
export class Allocations {
  private experiments = new Map<string, ExperimentState>();
  /** By service those of its experiments that may still rule it: not what has ended under an older order. */
  private readonly rulers = new Map<string, Set<string>>();
  private services: ReadonlyMap<string, ServiceDefined> = new Map();
  private brokenGlass: ReadonlyMap<string, BrokenGlass> = new Map();
  private table: RoutingTable;
  /** Made when it is asked for: many events come in a row. */
  private paths: PublicRoutes | undefined;
  /** Experiments of which no more is known than an earlier run saved: it may be old. */
  private unconfirmed = new Set<string>();
  /** By service the epoch that a sign of life named last. */
  private readonly namedEpochs = new Map<string, number>();
  private isLoading = false;

  constructor(private readonly options: AllocationsOptions) {
    this.table = buildRoutingTable({ experiments: [], services: [], brokenGlass: [] }, options.upstreams);
  }

  routeOf(service: string): ServiceRoute | undefined {
    return this.table.get(service);
  }

  /** Every experiment that has traffic, with its service. */
  experimentRoutes(): readonly ExperimentRoute[] {
    return [...this.table.values()].flatMap(experimentsIn);
  }

  /** The experiment's own route in a service; undefined where it has no traffic there. */
  routeOfExperiment(service: string, experiment: string): ExperimentRoute | undefined {
    const route = this.table.get(service);
    return route && experimentsIn(route).find(({ rules }) => rules.experiment === experiment);
  }

  /** Whose a public path is; undefined where no service has it. */
  serviceAt(host: string | undefined, path: string): OwnedRoute | undefined {
    this.paths ??= new PublicRoutes(this.publicRoutes());
    return this.paths.find(host, path);
  }

  publicRoutes(): readonly OwnedRoute[] {
    const commands = [...this.experiments.values()].flatMap(({ command }) => command ?? []);
    return routesInForce({ commands, services: [...this.services.values()], configured: this.options.routes });
  }

  get routes(): RoutingTable {
    return this.table;
  }

  /** True while control has to be served: the controller is silent for longer than the experiment allows, or has given orders that did not come here, or what is known is of an earlier run. */
  isFailSafe(route: ExperimentRoute): boolean {
    if (route.failSafeAfterMs === null) return false;
    const { experiment } = route.rules;
    if (this.unconfirmed.has(experiment) || this.options.watch.behindMs(route.service) > BEHIND_AT_MOST_MS) return true;
    return this.options.watch.silentMs(experiment) > route.failSafeAfterMs;
  }

  /** Why control is served instead, for the log. */
  whyFailSafe({ service, rules, failSafeAfterMs }: ExperimentRoute): string {
    if (this.unconfirmed.has(rules.experiment)) return 'what an earlier run saved may be old';
    if (this.options.watch.behindMs(service) > BEHIND_AT_MOST_MS) {
      return `the controller has given an order more than ${BEHIND_AT_MOST_MS} ms ago that did not come here`;
    }
    return `no sign of the controller for more than ${failSafeAfterMs} ms`;
  }

  get isEmpty(): boolean {
    return this.experiments.size === 0 && this.services.size === 0;
  }

  define(defined: ExperimentDefined): void {
    const before = this.stateOf(defined.experiment);
    const after = defineState(before, defined);
    this.swap(after);
    const waited = after.command;
    if (!waited || waited.revision !== defined.revision || isDefined(before, waited.revision)) return;
    this.options.onCommand(waited, { outcome: 'applied' });
  }

  command(given: AllocationCommanded): void {
    if (this.isImplausible(given))
      return this.options.onCommand(given, { outcome: 'refused', reason: 'implausible-epoch' });
    this.options.watch.ordered(given.commandedAt);
    const before = this.stateOf(given.experiment);
    const { state, answer } = commandState(before, given);
    if (answer.outcome !== 'applied' && answer.outcome !== 'waiting') return this.options.onCommand(given, answer);
    const isOvertaken = given.baseline !== undefined && given.epoch <= this.epochBeside(given);
    this.options.watch.heardOf(given.experiment);
    this.unconfirmed.delete(given.experiment);
    if (!given.standsAside) this.noteOrder(given, before.command);
    this.swap(state);
    this.options.onCommand(given, isOvertaken ? { outcome: 'overtaken' } : answer);
  }

  /** A service's baseline; one of a smaller epoch than the known one is of the past. */
  defineService(defined: ServiceDefined): void {
    const before = this.services.get(defined.service);
    if (before && before.epoch > defined.epoch) return;
    this.services = new Map(this.services).set(defined.service, defined);
    this.endBrokenGlass(defined.service, defined.epoch);
    this.changed([defined.service]);
  }

  /**
   * Sends a service to its baseline, whatever was ordered until now.
   * @returns what is in force; undefined where nobody knows the service.
   */
  breakGlass(service: string, by: Pick<BrokenGlass, 'actor' | 'reason' | 'at'>): BrokenGlass | undefined {
    if (!this.table.has(service)) return undefined;
    const broken = { ...by, service, epoch: this.newestEpoch(service) };
    this.brokenGlass = new Map(this.brokenGlass).set(service, broken);
    this.changed([service]);
    return broken;
  }

  /** Lets a service follow its orders again. @returns false where it did already. */
  mendGlass(service: string): boolean {
    const rest = new Map(this.brokenGlass);
    if (!rest.delete(service)) return false;
    this.brokenGlass = rest;
    this.changed([service]);
    return true;
  }

  glassOf(service: string): BrokenGlass | undefined {
    return this.brokenGlass.get(service);
  }

  /** The order of before, given once more because a router had not followed, is no newer knowledge. */
  private noteOrder(given: AllocationCommanded, before: AllocationCommanded | null): void {
    const broken = this.brokenGlass.get(given.service);
    if (!broken) return;
    if (before?.revision === given.revision && isSameOrder(given, before)) {
      const epoch = Math.max(broken.epoch, given.epoch);
      this.brokenGlass = new Map(this.brokenGlass).set(given.service, { ...broken, epoch });
    } else this.endBrokenGlass(given.service, given.epoch);
  }

  /** An order that is newer than what was known when the glass was broken knows better. */
  private endBrokenGlass(service: string, epoch: number): void {
    const broken = this.brokenGlass.get(service);
    if (broken && epoch > broken.epoch) this.mendGlass(service);
  }

  /** Of a log that is read from its beginning the orders in between are gone; and who knows nothing of a service knows no bound. */
  private isImplausible({ service, epoch }: AllocationCommanded): boolean {
    if (this.isLoading) return false;
    const newest = Math.max(this.newestEpoch(service), this.namedEpochs.get(service) ?? 0);
    return newest > 0 && epoch > newest + LARGEST_EPOCH_STEP;
  }

  /** Of all orders about a service, those of before services had epochs included. */
  private newestEpoch(service: string): number {
    const commands = [...this.experiments.values()].flatMap(({ command }) => command ?? []);
    const epochs = commands.filter((command) => command.service === service).map(({ epoch }) => epoch);
    return Math.max(0, this.services.get(service)?.epoch ?? 0, ...epochs);
  }

  /** The epoch of the newest order that is obeyed, by service. */
  epochs(): Readonly<Record<string, number>> {
    const epochs = new Map<string, number>();
    const obeyed = (service: string, epoch: number): void => {
      epochs.set(service, Math.max(epochs.get(service) ?? 0, epoch));
    };
    for (const { service, epoch, layer } of this.services.values())
      if (!layer || this.isUnderstood(service, epoch)) obeyed(service, epoch);
    for (const state of this.experiments.values()) {
      const { command } = state;
      if (!command?.baseline || (command.layer && !this.isUnderstood(command.service, command.epoch))) continue;
      // Without its definition nothing can be served of it but the baseline, which is what a rollback orders.
      if (definitionOf(state, command.revision) || command.command === 'rollback')
        obeyed(command.service, command.epoch);
    }
    return Object.fromEntries(epochs);
  }

  /** Whether a divided service is served as its newest order says, in every slot; of orders before that one nothing is left to know. */
  private isUnderstood(service: string, epoch: number): boolean {
    const route = this.table.get(service);
    return route?.kind !== 'slots' || route.isUnderstood || epoch < route.epoch;
  }

  /** The largest epoch of all other orders about the service. */
  private epochBeside({ service, experiment }: AllocationCommanded): number {
    const others = this.rulersOf(service).filter((state) => state.experiment !== experiment);
    return newestEpochOf(others, service);
  }

  /** @param id of the event: the same one again is no further sign of life */
  heartbeat({ controller, at, running, services = {} }: ControllerHeartbeat, id: string): void {
    if (!this.options.watch.isNews(controller, at, id)) return;
    // Names that nobody here knows are remembered nowhere.
    for (const experiment of running) if (this.experiments.has(experiment)) this.options.watch.heardOf(experiment);
    const known = this.epochs();
    for (const [service, epoch] of Object.entries(services)) {
      if (!this.table.has(service)) continue;
      this.namedEpochs.set(service, epoch);
      if (epoch > (known[service] ?? 0)) this.options.watch.behind(service);
      else this.options.watch.upToDate(service);
    }
  }

  /**
   * Replaces everything by a state that was saved.
   * @param unconfirmed it may be old: running experiments get no traffic for their candidates until they are commanded, or `confirm`
   */
  restore({ experiments, services, brokenGlass }: RouterState, unconfirmed: boolean): void {
    this.isLoading = !unconfirmed;
    this.experiments = new Map(experiments.map((state) => [state.experiment, state]));
    this.services = new Map(services.map((state) => [state.service, state]));
    this.brokenGlass = new Map(brokenGlass.map((state) => [state.service, state]));
    this.unconfirmed = new Set(unconfirmed ? this.experiments.keys() : []);
    this.rulers.clear();
    for (const state of experiments) this.addRuler(state);
    this.table = buildRoutingTable(this.state, this.options.upstreams);
    this.paths = undefined;
  }

  /** What is known is what the log tells. */
  confirm(): void {
    this.isLoading = false;
    this.unconfirmed.clear();
  }

  private stateOf(experiment: string): ExperimentState {
    return this.experiments.get(experiment) ?? unknownExperiment(experiment);
  }

  private swap(state: ExperimentState): void {
    const before = this.stateOf(state.experiment);
    this.experiments.set(state.experiment, state);
    const services = new Set([...servicesOf(before), ...servicesOf(state)]);
    this.addRuler(state);
    this.changed(services);
  }

  private addRuler(state: ExperimentState): void {
    for (const service of servicesOf(state)) {
      const rulers = this.rulers.get(service) ?? new Set();
      this.rulers.set(service, rulers.add(state.experiment));
    }
  }

  private rulersOf(service: string): readonly ExperimentState[] {
    return [...(this.rulers.get(service) ?? [])].map((experiment) => this.stateOf(experiment));
  }

  /** What happened is about these services: the others are served as before. */
  private changed(services: Iterable<string>): void {
    const { state } = this;
    const table = new Map(this.table);
    for (const service of services) {
      const experiments = this.rulersOf(service);
      const route = routeOfService(service, { ...state, experiments }, this.options.upstreams.get(service));
      if (route) table.set(service, route);
      else table.delete(service);
      this.forgetSpent(service, experiments, route);
    }
    this.table = table;
    this.paths = undefined;
    this.options.onChange(state);
  }

  /** What has ended under an older order, and serves no slot, is looked at again when something new is said of it: then its latch counts still. */
  private forgetSpent(service: string, experiments: readonly ExperimentState[], route: ServiceRoute | undefined): void {
    // Behind broken glass nobody serves anything, and it may be mended.
    if (this.brokenGlass.has(service)) return;
    const newestEpoch = newestEpochOf(experiments, service);
    const serving = new Set(route ? experimentsIn(route).map(({ rules }) => rules.experiment) : []);
    for (const { experiment, command } of experiments) {
      const isSpent = command?.baseline !== undefined && command.terminal && command.epoch < newestEpoch;
      if (isSpent && !serving.has(experiment)) this.rulers.get(service)?.delete(experiment);
    }
  }

  get state(): RouterState {
    return {
      experiments: [...this.experiments.values()],
      services: [...this.services.values()],
      brokenGlass: [...this.brokenGlass.values()],
    };
  }
}

/** Of the orders about a service that have its epochs; 0 without any. */
function newestEpochOf(experiments: readonly ExperimentState[], service: string): number {
  return experiments.reduce((epoch, { command }) => {
    return command?.service === service && command.baseline ? Math.max(epoch, command.epoch) : epoch;
  }, 0);
}

function experimentsIn(route: ServiceRoute): readonly ExperimentRoute[] {
  if (route.kind === 'slots') return route.slots.flatMap((slot) => slot.route ?? []);
  return route.kind === 'experiment' ? [route] : [];
}

function isDefined(state: ExperimentState, revision: number): boolean {
  return state.definitions.some((definition) => definition.revision === revision);
}
