import type { Assignment, ExperimentSpec } from '#libs/contracts';
import { MILLION, NOT_ASKED, type WeightsPpm } from '#libs/contracts';
import type { AssignmentRules } from '#libs/assignment';
import { baselineUpstream, type ExperimentRoute, type ServiceRoute } from '../routing/routing-table.js';
import type { Upstream } from '../routing/upstream.js';

/** Buckets `fromPpm` (inclusive) to `toPpm` (exclusive), of a million, that go to the target with an index. */
export interface SplitPart {
  readonly target: number;
  readonly fromPpm: number;
  readonly toPpm: number;
}

/** Where requests go, by name of the variant; of a service without an experiment it is its baseline. */
export interface SplitTarget {
  readonly name: string;
  readonly upstream: Upstream;
  readonly sharePpm: number;
}

/** What of an assignment is the same for every unit that gets a variant. */
export type SplitAssignment = Omit<Assignment, 'unit' | 'assignedAt'>;

/** How a service's requests are shared out, for a proxy that draws by itself. */
export interface Split {
  readonly service: string;
  /** The newest order that it follows. */
  readonly epoch: number;
  /** The first one is the baseline's: whoever is not drawn goes there. */
  readonly targets: readonly SplitTarget[];
  /** Of the whole million, in order. */
  readonly parts: readonly SplitPart[];
  /** null: nobody is drawn, so there is nothing to assign. */
  readonly drawn: {
    readonly experiment: string;
    readonly revision: number;
    readonly unit: ExperimentSpec['unit'];
    /** By target, of units that are drawn. */
    readonly assignments: readonly SplitAssignment[];
    /** Of everybody while the shares are not to be trusted. */
    readonly failSafe: SplitAssignment;
    /** False: what is served goes on while the controller is silent (`onLostController: hold`). */
    readonly mayFailSafe: boolean;
  } | null;
}

/** What a proxy can be told of. */
export interface SplitAbilities {
  /** The smallest step of a share, parts per million. */
  readonly stepPpm: number;
  /** Whether a unit keeps its variant; where not, only requests can be drawn. */
  readonly isSticky: boolean;
}

/** Why a proxy can't serve by an order: the baseline has everybody meanwhile. */
export class UnservableError extends Error {
  override readonly name = 'UnservableError';
}

/**
 * What a service's route means for a proxy that draws by itself.
 * @throws UnservableError where only a router can do what is ordered
 */
export function splitOf(route: ServiceRoute, state: SplitState, abilities: SplitAbilities): Split {
  if (baselineUpstream(route).url === NOT_ASKED)
    throw new UnservableError('it is a feature: its flag is asked, no model');
  if (route.kind === 'slots')
    throw new UnservableError('a service that is divided into slots is served by routers alone');
  if (route.kind === 'upstream' || !route.command)
    return baselineSplit(route.service, state.epoch, baselineUpstream(route));
  const refusal = refusalOf(route, abilities);
  if (refusal !== undefined) throw new UnservableError(refusal);
  return experimentSplit(route, state, abilities);
}

export interface SplitState {
  readonly epoch: number;
  /** The controller is lost, and control is served. */
  readonly isFailSafe: boolean;
}

/** Everybody at the baseline. */
export function baselineSplit(service: string, epoch: number, upstream: Upstream): Split {
  const targets = [{ name: 'baseline', upstream, sharePpm: MILLION }];
  return { service, epoch, targets, parts: [{ target: 0, fromPpm: 0, toPpm: MILLION }], drawn: null };
}

function refusalOf({ rules, unit, command }: ExperimentRoute, { isSticky }: SplitAbilities): string | undefined {
  if (rules.audience.length > 0) return 'an audience is told apart by routers alone';
  if (command?.shadow) return 'shadow traffic is made by routers alone';
  if (!isSticky && unit !== 'request')
    return `it draws each request by itself: expected unit: request in the experiment, not ${unit}`;
  return undefined;
}

function experimentSplit(
  route: ExperimentRoute,
  { epoch, isFailSafe }: SplitState,
  { stepPpm }: SplitAbilities,
): Split {
  const { rules, service } = route;
  const names = [rules.control, ...rules.variants.filter((name) => name !== rules.control)];
  const served = partsOf(rules, names, stepPpm);
  const parts = isFailSafe ? [{ target: 0, fromPpm: 0, toPpm: MILLION }] : served;
  const weightsPpm = weightsOf(names, parts);
  const shares = names.map((name) => weightsPpm[name] ?? 0);
  const targets = names.map((name, index) => ({
    name,
    upstream: route.upstreams.get(name) as Upstream,
    sharePpm: shares[index] as number,
  }));
  const failSafe = assignmentOf(rules, rules.control, {
    weightsPpm: { [rules.control]: MILLION },
    reason: 'FAIL_SAFE',
  });
  const drawn = names.map((name) => assignmentOf(rules, name, { weightsPpm, reason: 'SPLIT' }));
  return {
    service,
    epoch,
    targets,
    parts,
    drawn: {
      experiment: rules.experiment,
      revision: rules.revision,
      unit: route.unit,
      assignments: isFailSafe ? names.map(() => failSafe) : drawn,
      failSafe,
      mayFailSafe: route.failSafeAfterMs !== null,
    },
  };
}

/** Candidates' segments, cut to whole steps; control has what is between them, and what is cut off. */
function partsOf(rules: AssignmentRules, names: readonly string[], stepPpm: number): readonly SplitPart[] {
  const parts: SplitPart[] = [];
  let at = 0;
  const upTo = (target: number, toPpm: number): void => {
    if (toPpm > at) parts.push({ target, fromPpm: at, toPpm });
    at = Math.max(at, toPpm);
  };
  for (const { variant, from, to } of rules.layout.segments) {
    upTo(0, Math.ceil(from / stepPpm) * stepPpm);
    upTo(names.indexOf(variant), Math.floor(to / stepPpm) * stepPpm);
  }
  upTo(0, MILLION);
  return parts;
}

function weightsOf(names: readonly string[], parts: readonly SplitPart[]): WeightsPpm {
  const weights = Object.fromEntries(names.map((name) => [name, 0]));
  for (const { target, fromPpm, toPpm } of parts) {
    const name = names[target] as string;
    weights[name] = (weights[name] as number) + toPpm - fromPpm;
  }
  return weights;
}

function assignmentOf(
  { experiment, revision, control, epoch, stage }: AssignmentRules,
  variant: string,
  { weightsPpm, reason }: Pick<Assignment, 'weightsPpm' | 'reason'>,
): SplitAssignment {
  const propensity = (weightsPpm[variant] ?? 0) / MILLION;
  return { experiment, revision, variant, control, epoch, stage, propensity, weightsPpm, reason };
}
