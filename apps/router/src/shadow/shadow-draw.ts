import { bucketOf, hashUnit } from '#libs/assignment';

/** Seeds that every image API takes. */
const SEEDS = 2 ** 31;

/**
 * Whether a request is copied. Drawn by request, with a salt of its own: it has nothing to do with who gets which variant, and the same request id gives
 * the same answer.
 */
export function isCopied(experiment: string, requestId: string, ratePpm: number): boolean {
  return bucketOf(hashUnit(`shadow:${experiment}`, requestId)) < ratePpm;
}

/** The seed for both sides of a pair, where the request asks for any. */
export function seedFor(requestId: string): number {
  return hashUnit('seed', requestId) % SEEDS;
}
