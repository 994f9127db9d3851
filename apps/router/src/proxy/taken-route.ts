import { partOf } from '#libs/assignment';
import type { ServiceRoute, SlotsRoute, WholeRoute } from '../routing/routing-table.js';
import type { UnitName } from './request-headers.js';

/** Where one request goes: in a divided service, to what its unit's part of it is served by. */
export interface TakenRoute {
  readonly route: WholeRoute;
  /** The variant that somebody authorised asked for, of the route's experiment. */
  readonly override?: string | undefined;
  /** The part of a divided service, and the unit that was drawn into it. */
  readonly drawn?: DrawnPart | undefined;
}

export interface DrawnPart {
  /** A slot's id, `holdout` or `free`. */
  readonly slot: string;
  readonly unit: string;
  readonly unitName: UnitName;
}

/** Who asks, as far as the place of a request depends on it. */
export interface Asker {
  readonly unitOf: (kind: SlotsRoute['unit']) => { readonly unit: string; readonly name: UnitName };
  /** `variant`, or `experiment/variant`, of somebody authorised; undefined where nobody asks for one. */
  readonly override: string | undefined;
}

export function takeRoute(route: ServiceRoute, asker: Asker): TakenRoute {
  const wanted = readOverride(asker.override);
  if (route.kind !== 'slots') return { route, override: ofExperiment(route, wanted) };
  const { unit, name: unitName } = asker.unitOf(route.unit);
  const part = partOf({ layer: route.service, holdoutPpm: route.holdoutPpm, slots: route.slots }, unit);
  const slot = typeof part === 'string' ? part : part.id;
  const own = typeof part === 'string' ? route.baseline : (part.route ?? route.baseline);
  const chosen = (wanted?.experiment === undefined ? undefined : slotOf(route, wanted.experiment)) ?? own;
  return { route: chosen, override: ofExperiment(chosen, wanted), drawn: { slot, unit, unitName } };
}

interface Wanted {
  /** undefined: whichever the request meets. */
  readonly experiment?: string;
  readonly variant: string;
}

function readOverride(text: string | undefined): Wanted | undefined {
  if (text === undefined) return undefined;
  const slash = text.indexOf('/');
  return slash === -1 ? { variant: text } : { experiment: text.slice(0, slash), variant: text.slice(slash + 1) };
}

function ofExperiment(route: WholeRoute, wanted: Wanted | undefined): string | undefined {
  if (wanted === undefined || route.kind !== 'experiment') return undefined;
  return wanted.experiment === undefined || wanted.experiment === route.rules.experiment ? wanted.variant : undefined;
}

function slotOf({ slots }: SlotsRoute, experiment: string): WholeRoute | undefined {
  return slots.find(({ route }) => route?.rules.experiment === experiment)?.route ?? undefined;
}
