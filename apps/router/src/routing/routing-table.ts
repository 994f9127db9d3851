import { prepareRules, type AssignmentRules } from '#libs/assignment';
import { MILLION, type AllocationCommanded, type ExperimentDefined, type ExperimentSpec } from '#libs/contracts';
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
  /** No experiment: the upstream of the configuration. */
  | { readonly kind: 'upstream'; readonly service: string; readonly upstream: Upstream };

export type ExperimentRoute = Extract<ServiceRoute, { kind: 'experiment' }>;

/** Never changed: a command makes a new table, and one assignment swaps it in between two requests. */
export type RoutingTable = ReadonlyMap<string, ServiceRoute>;

/**
 * The table that follows from what is known. A service is ruled by its running experiment (by the newest, should several run),
 * else by its newest experiment: after a promotion that serves the winner, after a rollback and before a start control.
 */
export function buildRoutingTable(
  experiments: Iterable<ExperimentState>,
  upstreams: ReadonlyMap<string, Upstream>,
): RoutingTable {
  const table = new Map<string, ServiceRoute>();
  for (const [service, upstream] of upstreams) table.set(service, { kind: 'upstream', service, upstream });
  for (const route of [...experiments].flatMap(routeOf).sort(byPrecedence)) table.set(route.route.service, route.route);
  return table;
}

interface Ranked {
  readonly route: ExperimentRoute;
  readonly running: boolean;
  readonly definedAtMs: number;
}

function routeOf(state: ExperimentState): readonly Ranked[] {
  const inForce = state.command ? definitionOf(state, state.command.revision) : undefined;
  const definition = inForce ?? newestDefinition(state);
  if (!definition) return [];
  const command = inForce ? state.command : null;
  const running = command !== null && !command.terminal && command.command !== 'rollback';
  return [
    {
      route: experimentRoute(definition, command, running),
      running,
      definedAtMs: Date.parse(definition.definedAt),
    },
  ];
}

function experimentRoute(
  { experiment, revision, spec }: ExperimentDefined,
  command: AllocationCommanded | null,
  running: boolean,
): ExperimentRoute {
  const mayFailSafe = running && spec.kind === 'canary' && spec.onLostController === 'control';
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
      audience: spec.audience,
    }),
    unit: spec.unit,
    upstreams: new Map(Object.entries(spec.variants).map(([name, { upstream }]) => [name, parseUpstream(upstream)])),
    failSafeAfterMs: mayFailSafe ? spec.lostControllerAfterMs : null,
    command,
  };
}

/** The one that shall rule comes last: it overwrites the others. */
function byPrecedence(left: Ranked, right: Ranked): number {
  if (left.running !== right.running) return left.running ? 1 : -1;
  if (left.definedAtMs !== right.definedAtMs) return left.definedAtMs - right.definedAtMs;
  return left.route.rules.experiment < right.route.rules.experiment ? -1 : 1;
}
