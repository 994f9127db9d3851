import type { ServiceEvent } from './events.js';
import type { ServiceState } from './state.js';

/** The service after an event. It decides nothing: it only records what has happened. */
export function evolveService(state: ServiceState, event: ServiceEvent): ServiceState {
  switch (event.type) {
    case 'baseline-set':
      return { ...state, baseline: event.baseline, epoch: Math.max(state.epoch, event.epoch) };
    case 'slot-taken':
      return { ...state, heldBy: { experiment: event.experiment, revision: event.revision } };
    case 'slot-freed':
      return { ...state, heldBy: null };
    case 'fingerprint-latched': {
      const { fingerprint, experiment, revision, atMs, message } = event;
      return { ...state, latched: { ...state.latched, [fingerprint]: { experiment, revision, atMs, message } } };
    }
    case 'latch-lifted': {
      const { [event.fingerprint]: _lifted, ...latched } = state.latched;
      return { ...state, latched };
    }
    case 'commanded':
      return { ...state, epoch: Math.max(state.epoch, event.epoch) };
    default:
      return event satisfies never;
  }
}
