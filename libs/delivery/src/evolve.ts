import { waitsForApproval } from './allocation.js';
import type { CommandEvent, DeliveryEvent } from './events.js';
import { metricsJudgedOtherwise } from './judged-metrics.js';
import { refuseImpossible } from './possible.js';
import type { AskedGate, DefinedState, DeliveryState, DraftState, StartedState } from './state.js';
import { initialState, isSameGate } from './state.js';

/** The state after an event. It decides nothing: it only records what has happened. */
export function evolve(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  switch (event.type) {
    case 'defined':
      return defined(state, event);
    case 'policy-changed':
      return policyChanged(definedOf(state), event);
    case 'started':
      return started(draftOf(state), event);
    case 'advanced':
      return { ...inStage(state, event), phase: 'running' };
    case 'held':
      return { ...commanded(state, event), phase: 'held', heldAtMs: event.atMs, causes: event.causes };
    case 'recovered':
    case 'resumed':
      return { ...commanded(state, event), phase: 'running' };
    case 'reissued':
      return reissued(startedOf(state), event);
    case 'paused':
      return { ...commanded(state, event), phase: 'paused', pausedAtMs: event.atMs };
    case 'promoted':
      return { ...inStage(state, event), phase: 'promoted', endedAtMs: event.atMs };
    case 'rolled-back':
      return { ...ended(state, event), phase: 'rolled-back', endedAtMs: event.atMs };
    case 'concluded':
      return {
        ...ended(state, event),
        phase: 'concluded',
        endedAtMs: event.atMs,
        outcome: event.outcome,
        winner: event.winner,
      };
    case 'archived':
      return { ...definedOf(state), archived: true };
    case 'approval-awaited':
      return { ...definedOf(state), awaitsApprovalOf: event.stage };
    case 'approved':
      return approved(definedOf(state), event.stage);
    case 'gate-asked':
      return gateAsked(definedOf(state), event);
    case 'gate-answered':
      return gateAnswered(definedOf(state), event);
    case 'arm-dropped': {
      const known = startedOf(state);
      return { ...reissued(known, event), dropped: [...(known.dropped ?? []), event.variant] };
    }
    case 'arm-disqualified': {
      const known = startedOf(state);
      return { ...known, dropped: [...(known.dropped ?? []), event.variant] };
    }
    case 'acknowledged': {
      const known = startedOf(state);
      return { ...known, acknowledgements: { ...known.acknowledgements, [event.applied.router]: event.applied } };
    }
    case 'alert-raised': {
      const known = startedOf(state);
      const { alert, message, atMs, about } = event;
      const raised = { alert, message, atMs, ...(about === undefined ? {} : { about }) };
      return { ...known, alerts: [...known.alerts, raised] };
    }
    default:
      return event satisfies never;
  }
}

/**
 * The state after a whole log: the same as after following it event by event.
 * @throws TypeError for an event that can't follow in its phase, RangeError for one that can't be of its experiment.
 */
export function rebuild(events: readonly DeliveryEvent[]): DeliveryState {
  return events.reduce((state, event) => {
    refuseImpossible(state, event);
    return evolve(state, event);
  }, initialState as DeliveryState);
}

function defined(
  state: DeliveryState,
  { definition, atMs, actor, file }: Extract<DeliveryEvent, { readonly type: 'defined' }>,
): DraftState {
  return {
    phase: 'draft',
    experiment: definition.experiment,
    revision: definition.revision,
    spec: definition.spec,
    fingerprints: definition.fingerprints,
    definedAtMs: atMs,
    policy: 0,
    judgedSince: {},
    ...(file === undefined ? {} : { file }),
    epoch: state.epoch ?? 0,
    appliedBy: [actor],
    approvedStages: [],
    awaitsApprovalOf: waitsForApproval(definition.spec, []) ? 0 : null,
  };
}

/** The revision goes on under another policy; an approval that is no longer asked for is no longer waited for. */
function policyChanged(
  state: DefinedState,
  { definition, actor, file, lapsed = [] }: Extract<DeliveryEvent, { readonly type: 'policy-changed' }>,
): DefinedState {
  const { spec, policy = state.policy + 1 } = definition;
  const { file: _before, archived: _archived, ...known } = state;
  const approvedStages = state.approvedStages.filter((given) => !lapsed.includes(given));
  const stage = state.awaitsApprovalOf;
  const isAwaited = state.phase !== 'draft' && stage !== null && spec.ramp.stages[stage]?.approval === 'required';
  const first = state.phase === 'draft' && waitsForApproval(spec, approvedStages) ? 0 : null;
  const changed = metricsJudgedOtherwise(state.spec, spec).map((metric) => [metric, policy] as const);
  return {
    ...known,
    spec,
    policy,
    approvedStages,
    judgedSince: { ...state.judgedSince, ...Object.fromEntries(changed) },
    ...(file === undefined ? {} : { file }),
    appliedBy: [...new Set([...state.appliedBy, actor])],
    awaitsApprovalOf: isAwaited ? stage : first,
  };
}

function started({ archived: _before, ...draft }: DraftState, { atMs, command }: CommandEvent): StartedState {
  return {
    ...draft,
    phase: 'running',
    epoch: command.epoch,
    startedAtMs: atMs,
    pausedMs: 0,
    stage: command.stage,
    stageStartedAtMs: atMs,
    stageEpoch: command.epoch,
    weightsPpm: command.weightsPpm,
    lastCommand: command,
    acknowledgements: {},
    alerts: [],
    awaitsApprovalOf: null,
  };
}

type Plain<State> = Omit<State, 'phase' | 'heldAtMs' | 'causes' | 'pausedAtMs' | 'endedAtMs' | 'outcome' | 'winner'>;

/** What all started states share, with the event's command; fields of the former phase alone are dropped. */
function commanded(state: DeliveryState, { command, atMs }: CommandEvent): Plain<StartedState> {
  const known = startedOf(state);
  return {
    experiment: known.experiment,
    revision: known.revision,
    spec: known.spec,
    fingerprints: known.fingerprints,
    definedAtMs: known.definedAtMs,
    policy: known.policy,
    judgedSince: known.judgedSince,
    ...(known.file === undefined ? {} : { file: known.file }),
    appliedBy: known.appliedBy,
    approvedStages: known.approvedStages,
    awaitsApprovalOf: known.awaitsApprovalOf,
    ...(known.gates === undefined ? {} : { gates: known.gates }),
    startedAtMs: known.startedAtMs,
    // Whatever ends a pause, its time is over now.
    pausedMs: known.pausedMs + (known.phase === 'paused' ? Math.max(0, atMs - known.pausedAtMs) : 0),
    stage: known.stage,
    stageStartedAtMs: known.stageStartedAtMs,
    stageEpoch: known.stageEpoch,
    acknowledgements: known.acknowledgements,
    alerts: known.alerts,
    ...(known.dropped === undefined ? {} : { dropped: known.dropped }),
    epoch: command.epoch,
    weightsPpm: command.weightsPpm,
    lastCommand: command,
  };
}

/** An order that leaves the experiment where it is; every router has to answer anew. */
function reissued(state: StartedState, { command }: CommandEvent): StartedState {
  return { ...state, epoch: command.epoch, weightsPpm: command.weightsPpm, lastCommand: command, acknowledgements: {} };
}

function inStage(state: DeliveryState, event: CommandEvent): Plain<StartedState> {
  const { stage, epoch } = event.command;
  return {
    ...commanded(state, event),
    stage,
    stageStartedAtMs: event.atMs,
    stageEpoch: epoch,
    awaitsApprovalOf: null,
  };
}

/** Cleaning up is part of the end: an ended revision waits for no approval. */
function ended(state: DeliveryState, event: CommandEvent): Plain<StartedState> {
  return { ...commanded(state, event), awaitsApprovalOf: null };
}

function approved(state: DefinedState, stage: number): DefinedState {
  return {
    ...state,
    approvedStages: [...state.approvedStages, stage],
    awaitsApprovalOf: state.awaitsApprovalOf === stage ? null : state.awaitsApprovalOf,
  };
}

function gateAsked(
  state: DefinedState,
  { stage, when, gate, atMs }: Extract<DeliveryEvent, { readonly type: 'gate-asked' }>,
): DefinedState {
  const asked: AskedGate = { stage, when, gate, askedAtMs: atMs, answer: null, reason: '' };
  return { ...state, gates: [...(state.gates ?? []), asked] };
}

function gateAnswered(
  state: DefinedState,
  event: Extract<DeliveryEvent, { readonly type: 'gate-answered' }>,
): DefinedState {
  const { answer, reason } = event;
  const gates = (state.gates ?? []).map((asked) => (isSameGate(asked, event) ? { ...asked, answer, reason } : asked));
  return { ...state, gates };
}

function draftOf(state: DeliveryState): DraftState {
  if (state.phase === 'draft') return state;
  throw new TypeError(`broken log: "started" in phase ${state.phase}, expected "draft"`);
}

function startedOf(state: DeliveryState): StartedState {
  if (state.phase !== 'absent' && state.phase !== 'draft') return state;
  throw new TypeError(`broken log: an event of a started experiment in phase ${state.phase}`);
}

function definedOf(state: DeliveryState): DefinedState {
  if (state.phase !== 'absent') return state;
  throw new TypeError('broken log: an event of an experiment before its definition');
}
