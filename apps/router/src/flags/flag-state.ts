import type { FlagState, ServiceFlagState } from '#libs/assignment';
import type { Allocations } from '../routing/allocations.js';
import { baselineParameters, type ServiceRoute, type WholeRoute } from '../routing/routing-table.js';

type PartState = ServiceFlagState['whole'];

/** What is in force, for clients that draw by themselves: the rules of every service, and no address. */
export function flagStateOf(allocations: Pick<Allocations, 'routes' | 'isFailSafe'>): FlagState {
  return { services: [...allocations.routes.values()].map((route) => serviceState(route, allocations)) };
}

function serviceState(route: ServiceRoute, allocations: Pick<Allocations, 'isFailSafe'>): ServiceFlagState {
  const { service } = route;
  if (route.kind !== 'slots') return { service, whole: partState(route, allocations) };
  const { unit, holdoutPpm, slots, baseline } = route;
  const parts = slots.map(({ id, fromPpm, toPpm, route: own }) => ({
    id,
    fromPpm,
    toPpm,
    part: own ? partState(own, allocations) : { drawn: null },
  }));
  return { service, whole: partState(baseline, allocations), layer: { unit, holdoutPpm, slots: parts } };
}

function partState(route: WholeRoute, allocations: Pick<Allocations, 'isFailSafe'>): PartState {
  const parameters = baselineParameters(route);
  const told = parameters === undefined ? {} : { parameters };
  if (route.kind === 'upstream' || !route.command) return { drawn: null, ...told };
  const { experiment, revision, epoch, stage, control, variants, weightsPpm, audience, layout } = route.rules;
  const drawn = {
    experiment,
    revision,
    epoch,
    stage,
    control,
    weightsPpm,
    unit: route.unit,
    variants: [...variants],
    segments: [...layout.segments],
    audience: [...audience],
    failSafe: allocations.isFailSafe(route),
    failSafeAfterMs: route.failSafeAfterMs,
    parameters: Object.fromEntries(route.parameters),
  };
  return { drawn, ...told };
}
