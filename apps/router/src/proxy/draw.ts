import { assign, type AssignmentQuestion, type Attributes } from '#libs/assignment';
import type { Assignment } from '#libs/contracts';
import type { UnitNames } from '#libs/platform';
import type { Allocations } from '../routing/allocations.js';
import type { ExperimentRoute, ServiceRoute, WholeRoute } from '../routing/routing-table.js';
import type { UnitName } from './request-headers.js';
import { takeRoute, type Asker, type DrawnPart } from './taken-route.js';

/** What a draw depends on beside who asks. */
export interface DrawSources {
  readonly allocations: Pick<Allocations, 'isFailSafe'>;
  /** Hears of a service's attribute that its audience can't read. */
  readonly onUnreadable: (service: string, attribute: string) => void;
  /** How units are told to whoever is behind the router; absent: by their own names. */
  readonly unitNames?: Pick<UnitNames, 'of'> | undefined;
}

/** Who asks: a request that is passed on, or a client that wants to know a flag. */
export interface DrawnAsker extends Asker {
  /** Read where there is an audience. */
  readonly attributes: () => Attributes;
  /** ISO 8601; undefined: the answer shall not depend on the time. */
  readonly askedAt?: string | undefined;
}

export interface Drawn {
  /** What the asker's part of the service is served by. */
  readonly route: WholeRoute;
  /** The part of a divided service that the unit is in, and its name as it is told; undefined where one slot spans the service. */
  readonly drawn: DrawnPart | undefined;
  /** Whether the unit was named; null where none was asked for. */
  readonly unitName: UnitName | null;
  /** null: the baseline, since nothing is ordered. */
  readonly assigned: {
    readonly route: ExperimentRoute;
    readonly question: AssignmentQuestion;
    readonly assignment: Assignment;
  } | null;
}

/** Who gets what, by the orders in force and the fail-safe: the one place where that is decided, whichever way it is asked. */
export function draw(serviceRoute: ServiceRoute, asker: DrawnAsker, sources: DrawSources): Drawn {
  const { allocations, onUnreadable } = sources;
  const { route, drawn: part, override } = takeRoute(serviceRoute, asker);
  const toldPart = part && toldName(part, sources);
  const drawn = part && { ...part, unit: toldPart ?? part.unit };
  if (route.kind === 'upstream' || !route.command) {
    return { route, drawn, unitName: drawn?.unitName ?? null, assigned: null };
  }
  const named = part ?? namedUnit(asker.unitOf(route.unit));
  const { unit, unitName } = named;
  const toldAs = part ? toldPart : toldName(named, sources);
  const question: AssignmentQuestion = {
    unit,
    attributes: route.rules.audience.length > 0 ? asker.attributes() : {},
    onUnreadable: (attribute) => onUnreadable(route.service, attribute),
    override,
    failSafe: allocations.isFailSafe(route),
    ...(asker.askedAt === undefined ? {} : { assignedAt: asker.askedAt }),
    ...(toldAs === undefined ? {} : { toldAs }),
  };
  return { route, drawn, unitName, assigned: { route, question, assignment: assign(route.rules, question) } };
}

/** Who is known by nothing but the request is told by that; undefined: by its own name. */
function toldName(
  { unit, unitName }: Pick<DrawnPart, 'unit' | 'unitName'>,
  { unitNames }: DrawSources,
): string | undefined {
  return unitName === 'named' || unitName === 'cookie' ? unitNames?.of(unit) : undefined;
}

function namedUnit({ unit, name }: ReturnType<Asker['unitOf']>): Pick<DrawnPart, 'unit' | 'unitName'> {
  return { unit, unitName: name };
}
