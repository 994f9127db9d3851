import type { ServiceEvent } from './events.js';
import type { ServiceSlot, ServiceState } from './state.js';

/** The service after an event. It decides nothing: it only records what has happened. */
export function evolveService(state: ServiceState, event: ServiceEvent): ServiceState {
  switch (event.type) {
    case 'baseline-set':
      return withSlots({ ...state, baseline: event.baseline, epoch: Math.max(state.epoch, event.epoch) }, vacated);
    case 'slots-set': {
      const { unit, holdoutPpm, epoch } = event;
      const slots = event.slots.map((range) => {
        const before = state.slots.find((slot) => isSameRange(slot, range));
        return before && state.unit === unit ? before : { ...range, heldBy: null, order: null };
      });
      return { ...state, unit, holdoutPpm, slots, epoch: Math.max(state.epoch, epoch) };
    }
    case 'slot-taken': {
      const { slot, experiment, revision, control, candidates = [] } = event;
      const heldBy = { experiment, revision, candidates, ...(control === undefined ? {} : { control }) };
      return withSlots(state, (one) => (one.id === slot ? { ...one, heldBy } : one));
    }
    case 'slot-freed':
      return withSlots(state, (one) => (one.heldBy?.experiment === event.experiment ? freed(one, event.serves) : one));
    case 'fingerprint-latched': {
      const { fingerprint, experiment, revision, atMs, message } = event;
      return { ...state, latched: { ...state.latched, [fingerprint]: { experiment, revision, atMs, message } } };
    }
    case 'mode-set':
      return inMode(state, event);
    case 'latch-lifted': {
      const { [event.fingerprint]: _lifted, ...latched } = state.latched;
      return { ...state, latched };
    }
    case 'commanded': {
      const { slot, order = null, experiment } = event;
      const served = { ...state, epoch: Math.max(state.epoch, event.epoch) };
      return withSlots(served, (one) => (one.id === slot ? { ...one, order } : withoutOrderOf(experiment, one)));
    }
    default:
      return event satisfies never;
  }
}

function inMode(state: ServiceState, event: Extract<ServiceEvent, { readonly type: 'mode-set' }>): ServiceState {
  const { mode: before, modeSinceMs: fromMs, ...known } = state;
  const { mode, atMs } = event;
  const epoch = Math.max(state.epoch, event.epoch);
  const paused = before === 'paused' && fromMs !== undefined ? { lastPause: { fromMs, toMs: atMs } } : {};
  return { ...known, ...paused, epoch, ...(mode === 'open' ? {} : { mode, modeSinceMs: atMs }) };
}

function withSlots(state: ServiceState, change: (slot: ServiceSlot) => ServiceSlot): ServiceState {
  return { ...state, slots: state.slots.map(change) };
}

/** An experiment that begins anew in another slot has left nothing behind in this one. */
function withoutOrderOf(experiment: string, slot: ServiceSlot): ServiceSlot {
  return slot.heldBy === null && slot.order?.experiment === experiment ? { ...slot, order: null } : slot;
}

/** What a free slot was served by may be another variant than the new baseline. */
function vacated(slot: ServiceSlot): ServiceSlot {
  return slot.heldBy === null ? { ...slot, order: null } : slot;
}

/** The last order goes on where the baseline is what it serves: its requests are told as that experiment's, as long as nothing else has the slot. */
function freed({ order, ...slot }: ServiceSlot, serves: 'baseline' | undefined): ServiceSlot {
  return { ...slot, heldBy: null, order: serves === undefined ? null : order };
}

function isSameRange(left: ServiceSlot, right: Pick<ServiceSlot, 'id' | 'fromPpm' | 'toPpm'>): boolean {
  return left.id === right.id && left.fromPpm === right.fromPpm && left.toPpm === right.toPpm;
}
