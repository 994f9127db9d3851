import type { DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import { initialState, type DefinedState, type DeliveryState } from '../state.js';
import { latching } from './consequences.js';
import type { ServiceEvent } from './events.js';
import { evolveService } from './evolve-service.js';
import { newService } from './state.js';

interface Step {
  readonly after: DefinedState;
  readonly event: DeliveryEvent;
}

/**
 * What is latched on a service whose own log can't be read, as the logs of its experiments tell: what was rolled back, and not begun on again since. A retry
 * that nobody has used yet is lost: it has to be said again.
 * @param logs of its experiments, each oldest first
 * @param served fingerprint of the baseline, which is never latched
 */
export function latchesInLogs(
  logs: readonly (readonly DeliveryEvent[])[],
  served: string | undefined,
): readonly ServiceEvent[] {
  const steps = logs.flatMap(stepsOf).toSorted((left, right) => left.event.atMs - right.event.atMs);
  const { latched } = steps.reduce(
    (service, { after, event }) => latching(service, after, event).reduce(evolveService, service),
    newService('unread'),
  );
  return Object.entries(latched)
    .filter(([fingerprint]) => fingerprint !== served)
    .map(([fingerprint, latch]) => ({ type: 'fingerprint-latched', actor: 'decision', fingerprint, ...latch }));
}

function stepsOf(log: readonly DeliveryEvent[]): readonly Step[] {
  let state: DeliveryState = initialState;
  return log.map((event) => {
    state = evolve(state, event);
    return { after: state as DefinedState, event };
  });
}
