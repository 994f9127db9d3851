/** A router that is alive, and the epoch of one service that it obeys; 0 where it knows none. */
export interface LiveRouter {
  readonly router: string;
  readonly epoch: number;
}

/**
 * Whether an order is what is served. `ordered`: given, and not yet time to complain. `effective`: every live router obeys it, or a newer one.
 * `contested`: too old for that not to be so.
 */
export type OrderEffect =
  | { readonly state: 'ordered' | 'effective' }
  | { readonly state: 'contested'; readonly behind: readonly string[]; readonly servedEpoch: number };

/** How long routers have to follow an order. */
export const EFFECTIVE_WITHIN_MS = 2_000;

/**
 * @param order its epoch, that of the newest order about the service, and how long ago it was given
 * @param routers those that are alive; without any nothing is served, and nothing is contested
 */
export function effectOf(
  order: { readonly epoch: number; readonly newestEpoch: number; readonly ageMs: number },
  routers: readonly LiveRouter[],
): OrderEffect {
  if (routers.length === 0) return { state: 'ordered' };
  // One that obeys an epoch that nobody here has given follows orders of a log that was lost.
  const astray = routers.filter(({ epoch }) => epoch < order.epoch || epoch > order.newestEpoch);
  if (astray.length === 0) return { state: 'effective' };
  if (order.ageMs < EFFECTIVE_WITHIN_MS) return { state: 'ordered' };
  const behind = astray.map(({ router }) => router).sort();
  return { state: 'contested', behind, servedEpoch: Math.max(...routers.map(({ epoch }) => epoch)) };
}
