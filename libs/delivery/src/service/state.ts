import type { PublicRoute, VariantConfig } from '#libs/contracts';

/** What a service serves when nothing runs. */
export interface ServiceBaseline {
  readonly upstream: string;
  readonly config: VariantConfig;
  /** Hash of `config`: every experiment's control must have it. */
  readonly fingerprint: string;
  /** Where clients ask for the service; undefined: under its name alone. */
  readonly route?: PublicRoute | undefined;
}

/** A configuration that was rolled back from the service: it comes back by an explicit retry alone. */
export interface Latch {
  readonly experiment: string;
  readonly revision: number;
  readonly atMs: number;
  /** Why it was rolled back, as the command said it. */
  readonly message: string;
}

/** One image-generation endpoint that users call, and all that may change who answers there. */
export interface ServiceState {
  readonly service: string;
  /** null: no experiment has started on it yet, and nobody has set one. */
  readonly baseline: ServiceBaseline | null;
  /** The experiment that the service's traffic follows; null where it is all on the baseline. */
  readonly heldBy: { readonly experiment: string; readonly revision: number } | null;
  /** Of the newest order about the service, whichever experiment it came from; 0 before the first. */
  readonly epoch: number;
  /** By fingerprint. */
  readonly latched: Readonly<Record<string, Latch>>;
}

export function newService(service: string): ServiceState {
  return { service, baseline: null, heldBy: null, epoch: 0, latched: {} };
}
