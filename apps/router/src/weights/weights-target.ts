import type { Split, SplitAbilities } from './split.js';

/** How a proxy is brought to serve by a split. */
export interface TargetPlan {
  /** The same as long as nothing has to be told anew. */
  readonly key: string;
  /**
   * Tells the proxy, and resolves when it was seen to serve so.
   * @throws UnservableError where it never can; Error where it did not, with what was found
   */
  apply(signal: AbortSignal): Promise<void>;
  /** Whether it still serves so. */
  isServed(signal: AbortSignal): Promise<boolean>;
}

/** A proxy that draws by itself, by weights that it is given: nginx, Envoy, a Gateway of Kubernetes. */
export interface WeightsTarget {
  readonly service: string;
  /** For people: `nginx, /etc/nginx/teststrip/text-to-image.conf`. */
  readonly name: string;
  readonly abilities: SplitAbilities;
  /** How long it may take until it is seen to serve by what it was told. */
  readonly seenWithinMs: number;
  /** @throws UnservableError where it can't be said to this proxy */
  planOf(split: Split, nowMs: number): TargetPlan;
}
