import { MILLION, type Layer, type PublicRoute, type SlotRange } from '#libs/contracts';
import { DecisionRefusedError } from '../operator/refusal.js';
import type { ServiceEvent } from './events.js';
import { isSameBaseline } from './served.js';
import type { ServiceBaseline, ServiceMode, ServiceSlot, ServiceState, SlotHolder } from './state.js';

interface ServiceOrder {
  readonly atMs: number;
  readonly actor: string;
  /** Why, in the operator's words. */
  readonly note: string;
}

/** The service is served otherwise than the last experiment left it. */
export interface SetBaseline extends ServiceOrder {
  readonly type: 'set-baseline';
  /** Absent: as it is, and only the route changes. */
  readonly baseline?: Omit<ServiceBaseline, 'route'>;
  /** null: none any more; undefined: as it is. */
  readonly route?: PublicRoute | null | undefined;
}

/** A configuration that was rolled back may be tried again. */
export interface Retry extends ServiceOrder {
  readonly type: 'retry';
  readonly fingerprint: string;
}

/** The service's units are divided anew. */
export interface SetSlots extends ServiceOrder {
  readonly type: 'set-slots';
  readonly unit: Layer['unit'];
  readonly slots: readonly SlotRange[];
  readonly holdoutPpm: number;
}

/** Whether experiments may run on it, and whether it is served. */
export interface SetMode extends ServiceOrder {
  readonly type: 'set-mode';
  readonly mode: ServiceMode;
}

/** The log of the experiment that has a slot is gone: nothing else could ever free it. */
export interface FreeSlot extends ServiceOrder {
  readonly type: 'free-slot';
  readonly experiment: string;
}

export type ServiceInput = SetBaseline | Retry | SetSlots | SetMode | FreeSlot;

/**
 * What follows from an order about a service itself; nothing where everything is as ordered.
 * @throws DecisionRefusedError when its state forbids it.
 */
export function operateService(state: ServiceState, input: ServiceInput): readonly ServiceEvent[] {
  switch (input.type) {
    case 'set-baseline':
      return setBaseline(state, input);
    case 'retry':
      return liftLatch(state, input);
    case 'set-slots':
      return setSlots(state, input);
    case 'set-mode':
      return setMode(state, input);
    case 'free-slot':
      return freeLostSlot(state, input);
    default:
      return input satisfies never;
  }
}

function setBaseline(state: ServiceState, input: SetBaseline): readonly ServiceEvent[] {
  const { atMs, actor, note } = input;
  const { service, epoch } = state;
  const held = state.slots.flatMap(({ heldBy }) => heldBy?.experiment ?? []);
  if (held.length > 0) {
    throw new DecisionRefusedError(
      'slot-taken',
      `${service} runs experiment ${held.join(' and ')}, whose control is the baseline: let it end or roll it back before the baseline is set`,
    );
  }
  const route = input.route === undefined ? state.baseline?.route : (input.route ?? undefined);
  const baseline = { ...(input.baseline ?? servedNow(state)), ...(route === undefined ? {} : { route }) };
  if (isSameBaseline(state.baseline, baseline)) return [];
  const set: ServiceEvent = { type: 'baseline-set', atMs, actor, baseline, epoch: epoch + 1, note };
  const { fingerprint } = baseline;
  // What is served on purpose is not held back.
  const isLatched = Object.hasOwn(state.latched, fingerprint);
  return isLatched ? [set, { type: 'latch-lifted', atMs, actor, fingerprint, note }] : [set];
}

/** What is served at present, without where it is asked for. */
function servedNow({ service, baseline }: ServiceState): Omit<ServiceBaseline, 'route'> {
  if (baseline !== null)
    return { upstream: baseline.upstream, config: baseline.config, fingerprint: baseline.fingerprint };
  throw new DecisionRefusedError(
    'unknown-service',
    `${service} has no baseline yet: its upstream and config are needed beside the route`,
  );
}

function setSlots(state: ServiceState, input: SetSlots): readonly ServiceEvent[] {
  const { atMs, actor, note, unit, holdoutPpm } = input;
  const slots = input.slots.toSorted((left, right) => left.fromPpm - right.fromPpm);
  refuseOverlap(slots, holdoutPpm);
  const isKept = (slot: ServiceSlot): boolean =>
    unit === state.unit &&
    slots.some(({ id, fromPpm, toPpm }) => id === slot.id && fromPpm === slot.fromPpm && toPpm === slot.toPpm);
  if (state.slots.length === slots.length && holdoutPpm === state.holdoutPpm && state.slots.every(isKept)) return [];
  const held = state.slots.find((slot) => slot.heldBy !== null && !isKept(slot));
  if (held) {
    const { experiment } = held.heldBy as SlotHolder;
    throw new DecisionRefusedError(
      'slot-taken',
      `Slot ${held.id} of ${state.service} is experiment ${experiment}'s, and its units would change: let it end, or roll it back, before its slot is changed`,
    );
  }
  // Before there is a baseline nobody serves the service, and nobody has to be told.
  const epoch = state.baseline === null ? state.epoch : state.epoch + 1;
  return [{ type: 'slots-set', atMs, actor, unit, holdoutPpm, slots, epoch, note }];
}

function setMode(state: ServiceState, { atMs, actor, note, mode }: SetMode): readonly ServiceEvent[] {
  const { mode: before = 'open', service } = state;
  if (mode === before) return [];
  const held = state.slots.flatMap(({ heldBy }) => heldBy?.experiment ?? []);
  if (mode === 'deleted' && held.length > 0) {
    throw new DecisionRefusedError(
      'slot-taken',
      `${service} runs experiment ${held.join(' and ')}: drain it with POST /v1/services/${service}/drain before it is deleted`,
    );
  }
  // Routers have to be told where it goes and where it comes back.
  const isTold = (mode === 'deleted' || before === 'deleted') && state.baseline !== null;
  return [{ type: 'mode-set', atMs, actor, mode, epoch: isTold ? state.epoch + 1 : 0, note }];
}

/** Its last order may still be obeyed: the baseline is told anew, under a larger epoch. */
function freeLostSlot(state: ServiceState, { atMs, actor, note, experiment }: FreeSlot): readonly ServiceEvent[] {
  const held = state.slots.find(({ heldBy }) => heldBy?.experiment === experiment)?.heldBy;
  if (!held) return [];
  const freed: ServiceEvent = { type: 'slot-freed', atMs, actor, experiment, revision: held.revision };
  const { baseline, epoch } = state;
  if (baseline === null) return [freed];
  return [freed, { type: 'baseline-set', atMs, actor, baseline, epoch: epoch + 1, note }];
}

function refuseOverlap(slots: readonly SlotRange[], holdoutPpm: number): void {
  slots.forEach(({ id, fromPpm, toPpm }, index) => {
    const next = slots[index + 1];
    const [end, what] = next ? [next.fromPpm, `slot ${next.id}`] : [MILLION - holdoutPpm, 'the holdout'];
    const isTwice = slots.some((other, at) => at > index && other.id === id);
    if (fromPpm < toPpm && toPpm <= end && !isTwice) return;
    const fault = isTwice
      ? 'is there twice'
      : fromPpm < toPpm
        ? `ends at ${toPpm} ppm, and ${what} begins at ${end} ppm`
        : 'is empty';
    throw new DecisionRefusedError(
      'slots-overlap',
      `Slot ${id} ${fault}: expected disjoint ranges that leave the holdout, the last ${holdoutPpm} ppm, alone`,
    );
  });
}

function liftLatch(
  { service, latched }: ServiceState,
  { atMs, actor, note, fingerprint }: Retry,
): readonly ServiceEvent[] {
  if (Object.hasOwn(latched, fingerprint)) return [{ type: 'latch-lifted', atMs, actor, fingerprint, note }];
  const known = Object.keys(latched).join(', ') || 'none';
  throw new DecisionRefusedError(
    'nothing-to-retry',
    `No configuration with fingerprint "${fingerprint}" was rolled back from ${service}; expected one of: ${known}`,
  );
}
