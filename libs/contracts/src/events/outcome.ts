import { z } from 'zod';

/**
 * What became of a request, seen from outside (`request.routed.v1`) or by the service itself (`generation.completed.v1`):
 * - `delivered`: a picture came, as far as the answer tells.
 * - `cached`: a picture came out of a cache; nothing was generated for it.
 * - `filtered`: the service answered, and held the picture back (moderation, safety checker).
 * - `refused`: the service had no room for it (queue full, rate limit).
 * - `caller-error`: the request itself was wrong, says the service (4xx).
 * - `server-error`: the service failed, could not be reached, or led elsewhere (5xx, no connection, broken off, a redirect).
 * - `failed-inside-2xx`: the status says success and the answer holds none: an error, a page, nothing at all.
 * - `timed-out`: no complete answer within the time limit.
 * - `cancelled`: the client went away, or kept the answer waiting until the time limit.
 * - `exposed`: no service was asked; an application was told the parameters of a feature, and who it was told for has met the variant.
 */
export const OUTCOMES = [
  'delivered',
  'cached',
  'filtered',
  'refused',
  'caller-error',
  'server-error',
  'failed-inside-2xx',
  'timed-out',
  'cancelled',
  'exposed',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What outcomes were called in events and rows of before; they say the same. */
const FORMER_OUTCOMES: Readonly<Record<string, Outcome>> = {
  succeeded: 'delivered',
  'client-error': 'caller-error',
  failed: 'server-error',
};

/** An outcome by its present name; what is no former name stays as it is. */
export function presentOutcome(name: string): string {
  return Object.hasOwn(FORMER_OUTCOMES, name) ? (FORMER_OUTCOMES[name] as Outcome) : name;
}

/** Reads former names as well, so that logs of before stay readable. */
export const outcome = z.preprocess(
  (name) => (typeof name === 'string' ? presentOutcome(name) : name),
  z.enum(OUTCOMES),
);

/** Whether the person who asked got a picture. */
export function isDelivered(of: Outcome): boolean {
  return of === 'delivered' || of === 'cached';
}
