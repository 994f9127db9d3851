import { candidatesOf, type AllocationCommanded } from '#libs/contracts';
import { operatorCommand } from '../command.js';
import { decider } from '../decider.js';
import type { CommandEvent, DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import type { DeliveryInput, Operate } from '../inputs.js';
import { DecisionRefusedError } from '../operator/refusal.js';
import { isActive, type DefinedState, type DeliveryState, type StartedState } from '../state.js';
import { because } from '../words/quote.js';
import { refuseStart } from './admission.js';
import { commanded, consequences } from './consequences.js';
import type { ServiceEvent } from './events.js';
import { evolveService } from './evolve-service.js';
import { servedByEnded, variantAsBaseline } from './served.js';
import { isDivided, layerOf, runningBeside, slotHeldBy, standsOnBaseline } from './slots.js';
import type { ServiceBaseline, ServiceState, SlotHolder } from './state.js';

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
  if (input.type === 'promote' && isWaitingWinner(service, state)) return succeed(service, state, input);
  // What ended and is not served any more may begin anew; nothing else changes it.
  if (!isStart(input.type) && isOutlived(service, state, input)) return outlived(service, state, input);
  refuseRise(service, input);
  refuseArchiveOfServed(service, state, input);
  const events = decider.decide(standing(service, under(service.epoch, state), input), input);
  if (events.length === 0) return NOTHING;
  refuseStart(service, state, events, input);
  return commandsOfService(service, state, events, input);
}

/** On a paused service nothing rises and no time runs out, also before its experiments' own pauses have been ordered; harm rolls back. */
function standing(service: ServiceState, state: DeliveryState, input: DeliveryInput): DeliveryState {
  const isMoved = input.type === 'analysed' || input.type === 'tick' || input.type === 'restarted';
  if (service.mode === undefined || !isMoved || !isActive(state) || state.phase === 'paused') return state;
  const { heldAtMs: _since, causes: _causes, ...started } = { heldAtMs: 0, causes: [], ...state };
  return { ...started, phase: 'paused', pausedAtMs: input.atMs };
}

/** What a paused or drained service forbids operators. */
function refuseRise({ service, mode }: ServiceState, { type }: DeliveryInput): void {
  if (mode === undefined || (type !== 'resume' && type !== 'promote')) return;
  throw new DecisionRefusedError(
    `service-${mode}`,
    `${service} is ${mode}: POST /v1/services/${service}/resume lets its experiments go on`,
  );
}

/** An experiment that ended and was told to hold, or a winner that waits, still serves its slot: out of sight nobody would free it. */
function refuseArchiveOfServed(service: ServiceState, state: DeliveryState, { type }: DeliveryInput): void {
  if (type !== 'archive' || state.phase === 'absent' || isActive(state)) return;
  const slot = slotHeldBy(service, state.experiment);
  if (slot === undefined) return;
  throw new DecisionRefusedError(
    'still-active',
    `${state.experiment} has ended and still serves ${isDivided(service) ? `slot ${slot.id} of ` : ''}${service.service}: roll it back${isWaitingWinner(service, state) ? ', or promote it once more when no other experiment runs,' : ''} before it is archived`,
  );
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
    return 'command' in event ? { ...event, command: onService(served, event.command) } : event;
  });
  return { events: told, serviceEvents };
}

/**
 * A rollback of an experiment whose log can't be read, as an order about its service. What is latched can't be told from such a log; the slot is free, and
 * on the baseline, all the same.
 */
export function rollBackUnreadable(
  service: ServiceState,
  event: CommandEvent,
): { readonly event: CommandEvent; readonly serviceEvents: readonly ServiceEvent[] } {
  const { atMs, actor, command } = event;
  const { experiment, revision } = command;
  const given = commanded(service, undefined, event);
  const freed: ServiceEvent = { type: 'slot-freed', atMs, actor, experiment, revision };
  const serviceEvents = slotHeldBy(service, experiment) === undefined ? [given] : [given, freed];
  return {
    event: { ...event, command: onService(serviceEvents.reduce(evolveService, service), command) },
    serviceEvents,
  };
}

/** The order as it is given: with the service's baseline, and with its whole traffic where that is divided. */
function onService(service: ServiceState, command: AllocationCommanded): AllocationCommanded {
  const { baseline } = service;
  const layer = layerOf(service);
  const standsAside = layer === undefined && service.slots.some(({ heldBy }) => isAnother(heldBy, command));
  return {
    ...command,
    ...(baseline === null ? {} : { baseline: servedByOrder(baseline) }),
    ...(standsAside ? { standsAside: true as const } : {}),
    ...(layer === undefined ? {} : { layer }),
  };
}

function isAnother(heldBy: SlotHolder | null, { experiment }: { readonly experiment: string }): boolean {
  return heldBy !== null && heldBy.experiment !== experiment;
}

/** Ended with a winner that serves its slot alone, since other experiments ran beside it. */
function isWaitingWinner(service: ServiceState, state: DeliveryState): state is StartedState {
  if (state.phase !== 'promoted' && !(state.phase === 'concluded' && state.winner !== null)) return false;
  return slotHeldBy(service, state.experiment) !== undefined;
}

/** The winner becomes the baseline: its order is given once more, and the slot is free. */
function succeed(service: ServiceState, state: StartedState, input: Operate): DecidedOnService {
  const { experiment, lastCommand, fingerprints } = state;
  const others = runningBeside(service, experiment);
  if (others.length > 0) {
    throw new DecisionRefusedError(
      'others-run',
      `${experiment} has won and serves its slot; it becomes the baseline of ${service.service} once no other experiment compares with the one of now: ${others.join(', ')} has to end first`,
    );
  }
  const fingerprint = fingerprints[servedByEnded(state)] as string;
  const latch = Object.hasOwn(service.latched, fingerprint) ? service.latched[fingerprint] : undefined;
  if (latch) {
    throw new DecisionRefusedError(
      'fingerprint-latched',
      `What won ${experiment} (fingerprint ${fingerprint}) was rolled back by experiment ${latch.experiment} since: “${latch.message}”`,
    );
  }
  const { command, weightsPpm, terminal, stage } = lastCommand;
  const message = `The winner is the baseline of ${service.service} from now on, says ${input.actor}${because(input.note)}`;
  const again = operatorCommand(under(service.epoch, state), input, { command, weightsPpm, terminal, stage, message });
  const reissued: DeliveryEvent = { type: 'reissued', atMs: input.atMs, actor: input.actor, command: again };
  return commandsOfService(service, state, [reissued], input);
}

function servedByOrder({ upstream, fingerprint, route }: ServiceBaseline): AllocationCommanded['baseline'] {
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

/**
 * An experiment that has ended and whose variant the service has left since: a later one stands on it or has replaced it. In a divided service its order
 * can still be given again: it says what is in every slot.
 */
function isOutlived(service: ServiceState, state: DeliveryState, input: DeliveryInput): state is StartedState {
  if (state.phase === 'absent' || state.phase === 'draft' || isActive(state)) return false;
  if (slotHeldBy(service, state.experiment) !== undefined || service.baseline === null) return false;
  if (input.type === 'contested' && isDivided(service)) return false;
  const served = variantAsBaseline(state, servedByEnded(state));
  return (
    standsOnBaseline(service, state.experiment) !== undefined || served.fingerprint !== service.baseline.fingerprint
  );
}

/** Late scores may still show that a loser was harmful: that orders nothing, and its configuration is not to come back by another experiment. */
function latchedLate(service: ServiceState, state: StartedState, input: DeliveryInput): DecidedOnService {
  const { fingerprints, dropped = [] } = state;
  const isServed = (variant: string): boolean => fingerprints[variant] === service.baseline?.fingerprint;
  // What won here, or is served since, may be the worst of them, and nothing is done about it: the others are looked at without it.
  const apart = [...dropped, servedByEnded(state), ...candidatesOf(state.spec).filter(isServed)];
  const events = decider
    .decide({ ...state, dropped: [...new Set(apart)] }, input)
    .filter(({ type }) => type === 'arm-disqualified');
  return commandsOfService(service, state, events, input);
}

function outlived(service: ServiceState, state: StartedState, input: DeliveryInput): DecidedOnService {
  if (input.type === 'analysed') return latchedLate(service, state, input);
  if (input.type !== 'rollback' || state.phase === 'rolled-back') {
    const isAnswered = 'actor' in input || input.type === 'applied';
    return isAnswered ? { ...NOTHING, events: decider.decide(state, input) } : NOTHING;
  }
  const later = standsOnBaseline(service, state.experiment);
  const since =
    later === undefined
      ? `the baseline is another one since (${service.baseline?.fingerprint}): roll back the experiment that made it, or set the baseline`
      : `experiment ${later} runs on what it left: roll that back first`;
  throw new DecisionRefusedError('not-served-any-more', `${state.experiment} has ended, and ${since}`);
}
