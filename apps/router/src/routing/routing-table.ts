import { prepareRules, type AssignmentRules } from '#libs/assignment';
import {
  MILLION,
  type AllocationCommanded,
  type ExperimentDefined,
  type ExperimentSpec,
  type ServiceDefined,
} from '#libs/contracts';
import type { BrokenGlass } from './broken-glass.js';
import { definitionOf, newestDefinition, type ExperimentState } from './experiment-state.js';
import { parseUpstream, type Upstream } from './upstream.js';

/** Where the requests of one service go. */
export type ServiceRoute =
  /** An experiment decides, with or without a command in force. */
  | {
      readonly kind: 'experiment';
      readonly service: string;
      readonly rules: AssignmentRules;
      readonly unit: ExperimentSpec['unit'];
      readonly upstreams: ReadonlyMap<string, Upstream>;
      readonly failSafeAfterMs: number | null;
      /** null: no command yet; control is served and nobody is assigned. */
      readonly command: AllocationCommanded | null;
    }
  /** No experiment: the service's baseline, or the upstream of the configuration. */
  | { readonly kind: 'upstream'; readonly service: string; readonly upstream: Upstream };

export type ExperimentRoute = Extract<ServiceRoute, { kind: 'experiment' }>;

/** Never changed: a command makes a new table, and one assignment swaps it in between two requests. */
export type RoutingTable = ReadonlyMap<string, ServiceRoute>;

/**
 * The table that follows from what is known. A service is ruled by the order with its largest epoch, whichever experiment that came from; the
 * baseline is served where that is newer, and where the experiment of the order is not known yet. An experiment without an order, a draft, rules
 * nothing.
 */
export function buildRoutingTable(
  { experiments, services, brokenGlass }: RouterState,
  upstreams: ReadonlyMap<string, Upstream>,
): RoutingTable {
  const table = new Map<string, ServiceRoute>();
  for (const [service, upstream] of upstreams) table.set(service, { kind: 'upstream', service, upstream });
  const ranked = [...experiments.flatMap(ofExperiment), ...services.map(ofService)].sort(byPrecedence);
  for (const { route } of ranked) table.set(route.service, route);
  for (const { service } of brokenGlass) {
    const upstream = baselineOf(service, { experiments, services }, table.get(service));
    if (upstream) table.set(service, { kind: 'upstream', service, upstream });
  }
  return table;
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
  { experiments, services }: Pick<RouterState, 'experiments' | 'services'>,
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
  readonly route: ServiceRoute;
  /** The service's; null for orders of before services had epochs. */
  readonly epoch: number | null;
  readonly running: boolean;
  readonly sinceMs: number;
}

function ofService({ service, baseline, epoch, definedAt }: ServiceDefined): Ranked {
  const upstream = parseUpstream(baseline.upstream);
  return { route: { kind: 'upstream', service, upstream }, epoch, running: false, sinceMs: Date.parse(definedAt) };
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
  command: AllocationCommanded | null,
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
