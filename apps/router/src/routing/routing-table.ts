import { prepareRules, type AssignmentRules } from '#libs/assignment';
import {
  MILLION,
  parametersOf,
  type FeatureParameters,
  type ExperimentDefined,
  type ExperimentSpec,
  type Layer,
  type ServiceDefined,
  type SlotOrder,
  type SlotRange,
} from '#libs/contracts';
import type { BrokenGlass } from './broken-glass.js';
import { definitionOf, newestDefinition, type ExperimentState } from './experiment-state.js';
import { parseUpstream, type Upstream } from './upstream.js';

/** Where the requests of one service go. */
export type ServiceRoute = WholeRoute | SlotsRoute;

/** One slot spans the service, or a unit of a divided one. */
export type WholeRoute =
  /** An experiment decides, with or without a command in force. */
  | {
      readonly kind: 'experiment';
      readonly service: string;
      readonly rules: AssignmentRules;
      readonly unit: ExperimentSpec['unit'];
      readonly upstreams: ReadonlyMap<string, Upstream>;
      /** Of variants that are features: what the flag says. */
      readonly parameters: ReadonlyMap<string, FeatureParameters>;
      readonly failSafeAfterMs: number | null;
      /** null: no command yet; control is served and nobody is assigned. */
      readonly command: SlotOrder | null;
    }
  /** No experiment: the service's baseline, or the upstream of the configuration. */
  | {
      readonly kind: 'upstream';
      readonly service: string;
      readonly upstream: Upstream;
      /** Where the baseline is a feature: what the flag says. */
      readonly parameters?: FeatureParameters | undefined;
    };

export type ExperimentRoute = Extract<WholeRoute, { kind: 'experiment' }>;

/** A divided service: each slot's units go where its experiment says, all others to the baseline. */
export interface SlotsRoute extends Pick<Layer, 'unit' | 'holdoutPpm'> {
  readonly kind: 'slots';
  readonly service: string;
  readonly epoch: number;
  readonly slots: readonly SlotRoute[];
  readonly baseline: Extract<WholeRoute, { kind: 'upstream' }>;
  /** False where a slot's experiment is not known here yet: its units get the baseline meanwhile. */
  readonly isUnderstood: boolean;
}

export interface SlotRoute extends SlotRange {
  /** null: the baseline. */
  readonly route: ExperimentRoute | null;
}

/** Never changed: a command makes a new table, and one assignment swaps it in between two requests. */
export type RoutingTable = ReadonlyMap<string, ServiceRoute>;

/** The table that follows from what is known. */
export function buildRoutingTable(state: RouterState, upstreams: ReadonlyMap<string, Upstream>): RoutingTable {
  const { experiments, services } = state;
  const names = new Set([
    ...upstreams.keys(),
    ...experiments.flatMap(servicesOf),
    ...services.map((one) => one.service),
  ]);
  const table = new Map<string, ServiceRoute>();
  for (const name of names) {
    const route = routeOfService(name, state, upstreams.get(name));
    if (route) table.set(name, route);
  }
  return table;
}

/** The services that an experiment is about: one, unless its definitions and its command differ. */
export function servicesOf({ definitions, command }: ExperimentState): readonly string[] {
  const named = definitions.map(({ spec }) => spec.service);
  return command ? [...named, command.service] : named;
}

function isAbout({ definitions, command }: ExperimentState, service: string): boolean {
  return command?.service === service || definitions.some(({ spec }) => spec.service === service);
}

/**
 * Where a service's requests go. It is ruled by the order with its largest epoch, whichever experiment that came from; the baseline is served where that
 * is newer, and where the experiment of the order is not known yet. An experiment without an order, a draft, rules nothing.
 * @param configured where they go while nothing is known; undefined: nowhere
 */
export function routeOfService(
  service: string,
  state: RouterState,
  configured: Upstream | undefined,
): ServiceRoute | undefined {
  const knowledge = {
    experiments: state.experiments.filter((one) => isAbout(one, service)),
    services: state.services.filter((one) => one.service === service),
  };
  const route = ordered(service, knowledge) ?? (configured && { kind: 'upstream', service, upstream: configured });
  if (!state.brokenGlass.some((broken) => broken.service === service)) return route;
  const upstream = baselineOf(service, knowledge, route);
  return upstream ? { kind: 'upstream', service, upstream, parameters: route && baselineParameters(route) } : route;
}

/** Where everybody goes when nobody is drawn; of a divided service its baseline. */
export function baselineUpstream(route: ServiceRoute): Upstream {
  const whole: WholeRoute = route.kind === 'slots' ? route.baseline : route;
  return whole.kind === 'upstream' ? whole.upstream : (whole.upstreams.get(whole.rules.control) as Upstream);
}

/** What the flag of a feature says when nobody is drawn; undefined: it is none, or nothing is known of its baseline. */
export function baselineParameters(route: ServiceRoute): FeatureParameters | undefined {
  if (route.kind === 'experiment') return route.parameters.get(route.rules.control);
  return route.kind === 'upstream' ? route.parameters : undefined;
}

type Knowledge = Pick<RouterState, 'experiments' | 'services'>;

function ordered(service: string, { experiments, services }: Knowledge): ServiceRoute | undefined {
  const newestEpoch = experiments.reduce((epoch, one) => Math.max(epoch, epochOf(one)), 0);
  // Of orders with the service's epochs one alone counts: nothing has to be made of those before it, however many there were.
  const newest = experiments.filter(({ command }) => !command?.baseline || command.epoch === newestEpoch);
  const command = newest.find((one) => epochOf(one) === newestEpoch)?.command;
  const [defined] = services;
  const saying = command?.baseline && command.epoch >= (defined?.epoch ?? 0) ? command : defined;
  // Deleted, and nothing was ordered since.
  if (defined?.deleted && saying === defined) return undefined;
  if (saying?.layer && saying.baseline) {
    const { epoch, layer, baseline } = saying;
    return slotsRoute(experiments, { service, epoch, layer, upstream: parseUpstream(baseline.upstream) });
  }
  const ranked = [...newest.flatMap(ofExperiment), ...services.map(ofService)].sort(byPrecedence);
  return ranked.filter(({ route }) => route.service === service).at(-1)?.route;
}

function epochOf({ command }: ExperimentState): number {
  return command?.baseline && !command.standsAside ? command.epoch : 0;
}

function slotsRoute(
  experiments: readonly ExperimentState[],
  { service, epoch, layer, upstream }: { service: string; epoch: number; layer: Layer; upstream: Upstream },
): SlotsRoute {
  const { unit, holdoutPpm } = layer;
  const slots = layer.slots.map(({ order, ...range }) => ({
    ...range,
    route: order && orderRoute(experiments, order),
  }));
  // What has ended is the baseline, or comes after it: nobody has to wait for what it was.
  const isUnderstood = layer.slots.every(
    ({ order }, index) => !order || order.terminal || slots[index]?.route !== null,
  );
  const baseline = { kind: 'upstream' as const, service, upstream };
  return { kind: 'slots', service, epoch, unit, holdoutPpm, slots, baseline, isUnderstood };
}

/** @returns null where the order's experiment is not known, or is another one than the order speaks of */
function orderRoute(experiments: readonly ExperimentState[], told: SlotOrder): ExperimentRoute | null {
  const state = experiments.find(({ experiment }) => experiment === told.experiment);
  const own = state?.command;
  // What it was told itself says more, and counts where it is newer.
  const order = own?.baseline && own.epoch >= told.epoch ? own : told;
  const defined = state && definitionOf(state, order.revision);
  if (!defined || Object.keys(order.weightsPpm).some((name) => !Object.hasOwn(defined.spec.variants, name)))
    return null;
  return experimentRoute(defined, order, !order.terminal && order.command !== 'rollback');
}

/** All that a router knows. */
export interface RouterState {
  readonly experiments: readonly ExperimentState[];
  /** Baselines, one per service. */
  readonly services: readonly ServiceDefined[];
  /** Services that somebody has sent to their baselines here. */
  readonly brokenGlass: readonly BrokenGlass[];
}

/** What a service serves without its experiment: what the newest order or definition names, else the experiment's control. */
function baselineOf(
  service: string,
  { experiments, services }: Knowledge,
  route: ServiceRoute | undefined,
): Upstream | undefined {
  const commands = experiments.flatMap(({ command }) =>
    command?.service === service && command.baseline ? [command] : [],
  );
  const named = [
    ...commands.map(({ epoch, baseline }) => ({ epoch, url: baseline?.upstream as string })),
    ...services
      .filter((one) => one.service === service)
      .map(({ epoch, baseline }) => ({ epoch, url: baseline.upstream })),
  ];
  const [newest] = named.toSorted((left, right) => right.epoch - left.epoch);
  if (newest) return parseUpstream(newest.url);
  return route?.kind === 'experiment' ? route.upstreams.get(route.rules.control) : undefined;
}

interface Ranked {
  readonly route: WholeRoute;
  /** The service's; null for orders of before services had epochs. */
  readonly epoch: number | null;
  readonly running: boolean;
  readonly sinceMs: number;
}

function ofService({ service, baseline, epoch, definedAt }: ServiceDefined): Ranked {
  const upstream = parseUpstream(baseline.upstream);
  return {
    route: { kind: 'upstream', service, upstream, parameters: parametersOf(baseline.config) },
    epoch,
    running: false,
    sinceMs: Date.parse(definedAt),
  };
}

function ofExperiment(state: ExperimentState): readonly Ranked[] {
  const { command } = state;
  if (!command || command.standsAside) return [];
  const epoch = command.baseline ? command.epoch : null;
  const running = !command.terminal && command.command !== 'rollback';
  const inForce = definitionOf(state, command.revision);
  if (inForce) {
    const route = experimentRoute(inForce, command, running);
    return [{ route, epoch, running, sinceMs: Date.parse(inForce.definedAt) }];
  }
  if (command.baseline) {
    const upstream = parseUpstream(command.baseline.upstream);
    const sinceMs = Date.parse(command.commandedAt);
    return [{ route: { kind: 'upstream', service: command.service, upstream }, epoch, running, sinceMs }];
  }
  const waiting = newestDefinition(state);
  if (!waiting) return [];
  const route = experimentRoute(waiting, null, false);
  return [{ route, epoch, running: false, sinceMs: Date.parse(waiting.definedAt) }];
}

function experimentRoute(
  { experiment, revision, spec }: ExperimentDefined,
  command: SlotOrder | null,
  running: boolean,
): ExperimentRoute {
  const mayFailSafe = running && spec.onLostController === 'control';
  return {
    kind: 'experiment',
    service: spec.service,
    rules: prepareRules({
      experiment,
      revision,
      epoch: command?.epoch ?? 0,
      stage: command?.stage ?? 0,
      control: spec.control,
      variants: Object.keys(spec.variants),
      weightsPpm: command?.weightsPpm ?? { [spec.control]: MILLION },
      segments: command?.segments,
      audience: spec.audience,
    }),
    unit: spec.unit,
    upstreams: new Map(Object.entries(spec.variants).map(([name, { upstream }]) => [name, parseUpstream(upstream)])),
    parameters: new Map(
      Object.entries(spec.variants).flatMap(([name, { config }]) => {
        const parameters = parametersOf(config);
        return parameters === undefined ? [] : [[name, parameters] as const];
      }),
    ),
    failSafeAfterMs: mayFailSafe ? spec.lostControllerAfterMs : null,
    command,
  };
}

/**
 * The one that shall rule comes last: it overwrites the others. Orders of before services had epochs give way to any with one, except that a
 * running experiment does not give way to a baseline, which was read from its like.
 */
function byPrecedence(left: Ranked, right: Ranked): number {
  if (left.epoch !== null && right.epoch !== null && left.epoch !== right.epoch) return left.epoch - right.epoch;
  if (left.route.kind !== right.route.kind) return byKind(left, right);
  if ((left.epoch === null) !== (right.epoch === null)) return left.epoch === null ? -1 : 1;
  if (left.running !== right.running) return left.running ? 1 : -1;
  return left.sinceMs - right.sinceMs || (nameOf(left) < nameOf(right) ? -1 : 1);
}

/** A baseline beside an experiment: of one epoch they say the same, and the experiment says who was assigned. */
function byKind(left: Ranked, right: Ranked): number {
  const experiment = left.route.kind === 'experiment' ? left : right;
  const rules = experiment.epoch !== null || experiment.running;
  return (experiment === left) === rules ? 1 : -1;
}

function nameOf({ route }: Ranked): string {
  return route.kind === 'experiment' ? route.rules.experiment : route.service;
}
