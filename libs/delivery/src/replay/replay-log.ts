import { canonicalJson, type ExperimentAnalysed } from '#libs/contracts';
import { deliveryEvent, type DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import type { DeliveryInput } from '../inputs.js';
import { refuseImpossible } from '../possible.js';
import { decideOnService } from '../service/decide-on-service.js';
import type { ServiceEvent } from '../service/events.js';
import { evolveService } from '../service/evolve-service.js';
import { newService, type ServiceState } from '../service/state.js';
import { initialState, type DeliveryState } from '../state.js';
import { possibleInputs, type FirstOfDecision } from './possible-inputs.js';

/** What is kept of an experiment: enough to decide again. */
export interface KeptLog {
  readonly service: string;
  readonly events: readonly DeliveryEvent[];
  readonly serviceEvents: readonly ServiceEvent[];
  /** By index of the first event of the decision that rests on it. */
  readonly analyses: ReadonlyMap<number, ExperimentAnalysed>;
}

/**
 * What became of deciding again. `identical`: the same events, word for word. `differs`: this version decides otherwise. `unknown`: what it was
 * decided upon is not kept; that it can follow in the log is all that is known.
 */
export type ReplayOutcome = 'identical' | 'differs' | 'unknown';

/** One decision, decided again. */
export interface ReplayedDecision {
  readonly outcome: ReplayOutcome;
  /** As it is in the log. */
  readonly events: readonly DeliveryEvent[];
  /** What it was decided upon this time; undefined where that is unknown. */
  readonly input: DeliveryInput | undefined;
  /** What follows by this version, or why nothing does; undefined unless it differs. */
  readonly instead: readonly DeliveryEvent[] | string | undefined;
}

export interface Replay {
  readonly decisions: readonly ReplayedDecision[];
  /** What the whole log leads to. */
  readonly state: DeliveryState;
}

/**
 * Decides everything in a log again, each upon the state that the log of before it tells.
 * @throws RangeError or TypeError for an event that can't follow in the log.
 */
export function replayLog(kept: KeptLog): Replay {
  const decisions: ReplayedDecision[] = [];
  let state: DeliveryState = initialState;
  for (let at = 0; at < kept.events.length;) {
    const decision = decideAgain(kept, state, at);
    for (const event of decision.events) {
      refuseImpossible(state, event);
      state = evolve(state, event);
    }
    decisions.push(decision);
    at += decision.events.length;
  }
  return { decisions, state };
}

function decideAgain(kept: KeptLog, state: DeliveryState, at: number): ReplayedDecision {
  const first = firstOfDecision(kept, at);
  const service = serviceBefore(kept, first);
  const tries = possibleInputs(state, first).map((input) => ({
    input,
    decided: decidedOn(service, state, input),
  }));
  const same = tries.find(({ decided }) => isPrefix(decided, kept.events, at));
  if (same) return found('identical', kept.events.slice(at, at + same.decided.length), same.input);
  const [other] = tries;
  const events = together(kept.events, at);
  if (other === undefined) return found('unknown', kept.events.slice(at, at + 1), undefined);
  return { ...found('differs', events, other.input), instead: other.decided };
}

function found(
  outcome: ReplayOutcome,
  events: readonly DeliveryEvent[],
  input: DeliveryInput | undefined,
): ReplayedDecision {
  return { outcome, events, input, instead: undefined };
}

/** What follows, or the words of a refusal. */
function decidedOn(
  service: ServiceState,
  state: DeliveryState,
  input: DeliveryInput,
): readonly DeliveryEvent[] | string {
  try {
    return decideOnService(service, state, input).events;
  } catch (error) {
    return (error as Error).message;
  }
}

function isPrefix(decided: readonly DeliveryEvent[] | string, log: readonly DeliveryEvent[], at: number): boolean {
  if (typeof decided === 'string' || decided.length === 0) return false;
  return decided.every((event, index) => {
    const stored = log[at + index];
    return stored !== undefined && asKept(event) === canonicalJson(stored);
  });
}

/** As it comes back from where it is kept. */
function asKept(event: DeliveryEvent): string {
  return canonicalJson(deliveryEvent.parse(JSON.parse(JSON.stringify(event))));
}

/** Events of one decision have one time. */
function together(log: readonly DeliveryEvent[], at: number): readonly DeliveryEvent[] {
  const { atMs } = log[at] as DeliveryEvent;
  const end = log.findIndex((event, index) => index > at && event.atMs !== atMs);
  return log.slice(at, end === -1 ? undefined : end);
}

function firstOfDecision({ events, analyses }: KeptLog, at: number): FirstOfDecision {
  const event = events[at] as DeliveryEvent;
  const commanding = together(events, at).find((one) => 'command' in one);
  const command = commanding && 'command' in commanding ? commanding.command : undefined;
  return { event, command, analysis: analyses.get(at) };
}

/** The service as it was when it was decided: what its own log says of before, or of the same moment and another order. */
function serviceBefore({ service, serviceEvents }: KeptLog, { event, command }: FirstOfDecision): ServiceState {
  const own = serviceEvents.findIndex(
    (one) => one.type === 'commanded' && command !== undefined && one.epoch === command.epoch,
  );
  const later = serviceEvents.findIndex(({ atMs }) => atMs >= event.atMs);
  const end = own === -1 ? later : firstOfMoment(serviceEvents, own);
  return serviceEvents.slice(0, end === -1 ? undefined : end).reduce(evolveService, newService(service));
}

/** Latches that a new attempt lifts come before its order, at the same moment. */
function firstOfMoment(serviceEvents: readonly ServiceEvent[], at: number): number {
  let first = at;
  const { atMs } = serviceEvents[at] as ServiceEvent;
  while (serviceEvents[first - 1]?.type === 'latch-lifted' && serviceEvents[first - 1]?.atMs === atMs) first -= 1;
  return first;
}
