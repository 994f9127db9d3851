import {
  MILLION,
  WHOLE_SERVICE,
  type Layer,
  type PublicRoute,
  type SlotOrder,
  type SlotRange,
  type ServedConfig,
} from '#libs/contracts';

/** What a service serves when nothing runs. */
export interface ServiceBaseline {
  readonly upstream: string;
  readonly config: ServedConfig;
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

/** Who has a slot. */
export interface SlotHolder {
  readonly experiment: string;
  readonly revision: number;
  /** Fingerprint of its control; undefined in logs of before it was kept. */
  readonly control?: string | undefined;
  /** Those of its candidates. */
  readonly candidates: readonly string[];
}

/** A range of the service's units that one experiment at most may use. */
export interface ServiceSlot extends SlotRange {
  /** null: the slot is free. */
  readonly heldBy: SlotHolder | null;
  /** What it is served by: its holder's newest order, or the last one of who held it before; null: by the baseline. */
  readonly order: SlotOrder | null;
}

/** One image-generation endpoint that users call, and all that may change who answers there. */
export interface ServiceState {
  readonly service: string;
  /** null: no experiment has started on it yet, and nobody has set one. */
  readonly baseline: ServiceBaseline | null;
  /** Who is drawn into slots: all experiments of a divided service randomise the same. */
  readonly unit: Layer['unit'];
  /** Share of the units that no experiment ever gets. */
  readonly holdoutPpm: number;
  /** Disjoint, in the order of their ranges. */
  readonly slots: readonly ServiceSlot[];
  /** Of the newest order about the service, whichever experiment it came from; 0 before the first. */
  readonly epoch: number;
  /** By fingerprint. */
  readonly latched: Readonly<Record<string, Latch>>;
  /** Absent: experiments run as they like. */
  readonly mode?: Exclude<ServiceMode, 'open'>;
  /** Since when it has its mode. */
  readonly modeSinceMs?: number;
  /** When it was paused last, once that is over; absent: never. */
  readonly lastPause?: { readonly fromMs: number; readonly toMs: number };
}

/**
 * `paused`: no ramp of it rises, and none begins; proven harm still rolls back. `drained`: nothing but the baseline is served, and nothing begins.
 * `deleted`: it is not served at all.
 */
export type ServiceMode = 'open' | 'paused' | 'drained' | 'deleted';

export function newService(service: string): ServiceState {
  const whole = { id: WHOLE_SERVICE, fromPpm: 0, toPpm: MILLION, heldBy: null, order: null };
  return { service, baseline: null, unit: 'user', holdoutPpm: 0, slots: [whole], epoch: 0, latched: {} };
}

/** Whether an experiment of the service was paused with it, in the pause that is or the one that was last: a person's pause before or since stays. */
export function wasPausedWith({ mode, modeSinceMs = Infinity, lastPause }: ServiceState, pausedAtMs: number): boolean {
  if (mode !== undefined) return pausedAtMs >= modeSinceMs;
  return lastPause !== undefined && pausedAtMs >= lastPause.fromMs && pausedAtMs <= lastPause.toMs;
}
