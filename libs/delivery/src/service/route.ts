import { isSameRoute, routeInWords, type PublicRoute } from '#libs/contracts';
import type { DeliveryInput } from '../inputs.js';
import { DecisionRefusedError } from '../operator/refusal.js';
import type { ServiceEvent } from './events.js';
import type { ServiceState } from './state.js';

/** The route that a service would get and does not have yet: asked for by a file, or set by what follows; undefined where it gets none. */
export function claimedRoute(
  { baseline }: ServiceState,
  input: DeliveryInput | undefined,
  serviceEvents: readonly ServiceEvent[],
): PublicRoute | undefined {
  const set = serviceEvents.flatMap((event) => (event.type === 'baseline-set' ? (event.baseline.route ?? []) : []));
  const asked = input?.type === 'define' ? input.spec.route : undefined;
  return [asked, ...set].find((route) => route !== undefined && !isSameRoute(route, baseline?.route));
}

/**
 * Refuses a route that another service has: nobody could tell whose a request is.
 * @throws DecisionRefusedError with the name of the other service
 */
export function refuseTakenRoute(service: string, route: PublicRoute, others: readonly ServiceState[]): void {
  const owner = others.find((other) => other.service !== service && isSameRoute(other.baseline?.route, route));
  if (!owner) return;
  throw new DecisionRefusedError(
    'route-taken',
    `${routeInWords(route)} is the route of ${owner.service}, and a request has one service: name another route for ${service}, or take that one from ${owner.service} with POST /v1/services/${owner.service}/baseline and {"route": null, "reason": "…"}`,
  );
}
