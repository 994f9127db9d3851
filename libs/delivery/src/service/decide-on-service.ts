import { decider } from '../decider.js';
import type { CommandEvent, DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import type { DeliveryInput } from '../inputs.js';
import { DecisionRefusedError } from '../operator/refusal.js';
import { isActive, type DefinedState, type DeliveryState, type StartedState } from '../state.js';
import { refuseStart } from './admission.js';
import { consequences } from './consequences.js';
import type { ServiceEvent } from './events.js';
import { evolveService } from './evolve-service.js';
import { servedByEnded, variantAsBaseline } from './served.js';
import type { ServiceBaseline, ServiceState } from './state.js';

/** What follows from an input about one experiment: for it, and for its service. */
export interface DecidedOnService {
  readonly events: readonly DeliveryEvent[];
  readonly serviceEvents: readonly ServiceEvent[];
}

const NOTHING: DecidedOnService = { events: [], serviceEvents: [] };

/**
 * Decides about an experiment as part of its service: its orders get the service's next epoch and name the service's baseline, a start needs the
 * slot, and what ends leaves the baseline behind that is served from then on. Pure, like `decider.decide`, whose rules it keeps.
 * @throws DecisionRefusedError for an operator's order that the state of the experiment or of its service forbids.
 */
export function decideOnService(service: ServiceState, state: DeliveryState, input: DeliveryInput): DecidedOnService {
  refuseMove(state, input);
  // What ended and is not served any more may begin anew; nothing else changes it.
  if (!isStart(input.type) && isOutlived(service, state)) return outlived(service, state, input);
  const events = decider.decide(under(service.epoch, state), input);
  if (events.length === 0) return NOTHING;
  refuseStart(service, state, events, input);
  return commandsOfService(service, state, events, input);
}

/** The experiment's events with what they mean for the service, and the service's baseline in every order. */
function commandsOfService(
  service: ServiceState,
  before: DeliveryState,
  events: readonly DeliveryEvent[],
  input: DeliveryInput,
): DecidedOnService {
  let served = service;
  let state = before;
  const serviceEvents: ServiceEvent[] = [];
  const told = events.map((event) => {
    state = evolve(state, event);
    const following = consequences(served, state as DefinedState, event, input);
    served = following.reduce(evolveService, served);
    serviceEvents.push(...following);
    return withBaseline(served, event);
  });
  return { events: told, serviceEvents };
}

function withBaseline({ baseline, heldBy }: ServiceState, event: DeliveryEvent): DeliveryEvent {
  if (!('command' in event)) return event;
  const { command } = event;
  const standsAside = heldBy !== null && heldBy.experiment !== command.experiment;
  return {
    ...event,
    command: {
      ...command,
      ...(baseline === null ? {} : { baseline: servedByOrder(baseline) }),
      ...(standsAside ? { standsAside: true as const } : {}),
    },
  };
}

function servedByOrder({ upstream, fingerprint, route }: ServiceBaseline): CommandEvent['command']['baseline'] {
  return { upstream, fingerprint, ...(route === undefined ? {} : { route }) };
}

/** Epochs are the service's: the next one is larger than that of every order about it. */
function under<State extends DeliveryState>(epoch: number, state: State): State {
  return (state.epoch ?? 0) >= epoch ? state : { ...state, epoch };
}

function isStart(type: DeliveryInput['type']): boolean {
  return type === 'define' || type === 'new-attempt';
}

function refuseMove(state: DeliveryState, input: DeliveryInput): void {
  if (input.type !== 'define' || state.phase === 'absent' || input.spec.service === state.spec.service) return;
  throw new DecisionRefusedError(
    'service-is-fixed',
    `${state.experiment} is about service ${state.spec.service}, and a revision can't move it to ${input.spec.service}: give the file another key`,
  );
}

/** An experiment that has ended and whose variant the service has left since: a later one stands on it or has replaced it. */
function isOutlived(service: ServiceState, state: DeliveryState): state is StartedState {
  if (state.phase === 'absent' || state.phase === 'draft' || isActive(state)) return false;
  if (service.heldBy?.experiment === state.experiment || service.baseline === null) return false;
  const served = servedByEnded(state);
  return service.heldBy !== null || variantAsBaseline(state, served).fingerprint !== service.baseline.fingerprint;
}

function outlived(service: ServiceState, state: StartedState, input: DeliveryInput): DecidedOnService {
  if (input.type !== 'rollback' || state.phase === 'rolled-back') {
    const isAnswered = 'actor' in input || input.type === 'applied';
    return isAnswered ? { ...NOTHING, events: decider.decide(state, input) } : NOTHING;
  }
  const { heldBy, baseline } = service;
  const since = heldBy
    ? `experiment ${heldBy.experiment} runs on what it left: roll that back first`
    : `the baseline is another one since (${baseline?.fingerprint}): roll back the experiment that made it, or set the baseline`;
  throw new DecisionRefusedError('not-served-any-more', `${state.experiment} has ended, and ${since}`);
}
