import { candidatesOf, controlOnly, onlyVariant, stageWeightPpm } from './allocation.js';
import { commandOf, type Order } from './command.js';
import { newAttempt, start } from './define.js';
import type { DeliveryEvent } from './events.js';
import type { Approve, Operate } from './inputs.js';
import { because, percent } from './messages.js';
import { DecisionRefusedError } from './refusal.js';
import { isActive, type ActiveState, type DefinedState, type StartedState } from './state.js';

/**
 * What an operator orders. A rollback is possible at any time and beats everything else; the rest only where it has a meaning.
 * @throws DecisionRefusedError saying why not, and what would help.
 */
export function operate(state: DefinedState, input: Operate): readonly DeliveryEvent[] {
  switch (input.type) {
    case 'rollback':
      return rollBack(state, input);
    case 'new-attempt':
      return newAttempt(state, input);
    case 'pause':
      return pause(active(state, 'pause'), input);
    case 'resume':
      return resume(active(state, 'resume'), input);
    case 'promote':
      return promote(active(state, 'promote'), input);
    default:
      return input.type satisfies never;
  }
}

/** Gives the approval that a ramp stage asks for, also ahead of time. A draft whose first stage is approved starts. */
export function approve(state: DefinedState, input: Approve): readonly DeliveryEvent[] {
  if (state.phase !== 'draft' && !isActive(state)) throw ended(state, 'approve');
  const { stages } = state.spec.ramp;
  const from = state.phase === 'draft' ? 0 : state.stage + 1;
  const open = stages.flatMap(({ approval }, index) =>
    index >= from && approval === 'required' && !state.approvedStages.includes(index) ? [index] : [],
  );
  const stage = input.stage ?? open[0];
  if (stage === undefined || !open.includes(stage)) {
    const choice = open.map((index) => `${index} (${percent(stageWeightPpm(state.spec, index))})`).join(', ');
    throw new DecisionRefusedError(
      'nothing-to-approve',
      `${state.experiment}: ${stage === undefined ? 'no stage' : `stage ${stage} does not`} ${stage === undefined ? 'waits' : 'wait'} for an approval${choice ? `; expected one of ${choice}` : ''}`,
    );
  }
  const { atMs, actor, note } = input;
  const approved: DeliveryEvent = {
    type: 'approved',
    atMs,
    actor,
    stage,
    note: `${percent(stageWeightPpm(state.spec, stage))} approved by ${actor}${because(note)}`,
  };
  return state.phase === 'draft' && stage === 0 ? [approved, start(state, input)] : [approved];
}

function rollBack(state: DefinedState, input: Operate): readonly DeliveryEvent[] {
  // Asked for twice, it is still rolled back.
  if (state.phase === 'rolled-back') return [];
  if (state.phase === 'draft') {
    throw new DecisionRefusedError(
      'not-started',
      `${state.experiment} revision ${state.revision} has not started: all traffic is on ${state.spec.control}`,
    );
  }
  const command = byOperator(state, input, {
    command: 'rollback',
    weightsPpm: controlOnly(state.spec),
    message: `Rolled back by ${input.actor}${because(input.note)}`,
    terminal: true,
  });
  return [{ type: 'rolled-back', atMs: input.atMs, actor: input.actor, command }];
}

function pause(state: ActiveState, input: Operate): readonly DeliveryEvent[] {
  if (state.phase === 'paused') {
    throw new DecisionRefusedError('already-paused', `${state.experiment} is paused already`);
  }
  const command = byOperator(state, input, {
    command: 'pause',
    weightsPpm: state.weightsPpm,
    message: `Paused by ${input.actor} at ${percent(stageWeightPpm(state.spec, state.stage))}${because(input.note)}`,
    terminal: false,
  });
  return [{ type: 'paused', atMs: input.atMs, actor: input.actor, command }];
}

function resume(state: ActiveState, input: Operate): readonly DeliveryEvent[] {
  if (state.phase !== 'paused') {
    const why =
      state.phase === 'held'
        ? `is held because of ${state.causes.join(', ')} and goes on by itself when that is over`
        : 'is running';
    throw new DecisionRefusedError('not-paused', `${state.experiment} ${why}; only what is paused can be resumed`);
  }
  const command = byOperator(state, input, {
    command: 'resume',
    weightsPpm: state.weightsPpm,
    message: `Resumed by ${input.actor} at ${percent(stageWeightPpm(state.spec, state.stage))}${because(input.note)}`,
    terminal: false,
  });
  return [{ type: 'resumed', atMs: input.atMs, actor: input.actor, command }];
}

function promote(state: ActiveState, input: Operate): readonly DeliveryEvent[] {
  const candidates = candidatesOf(state.spec);
  const [candidate] = candidates;
  if (candidate === undefined || candidates.length > 1) {
    throw new DecisionRefusedError(
      'promotion-needs-one-candidate',
      `${state.experiment} compares ${candidates.join(', ')}: which of them should be promoted can't be told`,
    );
  }
  const command = byOperator(state, input, {
    command: 'promote',
    weightsPpm: onlyVariant(state.spec, candidate),
    message: `Promoted by ${input.actor} without waiting for the proof${because(input.note)}`,
    terminal: true,
    stage: state.spec.ramp.stages.length - 1,
  });
  return [{ type: 'promoted', atMs: input.atMs, actor: input.actor, command }];
}

function active(state: DefinedState, wanted: string): ActiveState {
  if (isActive(state)) return state;
  if (state.phase !== 'draft') throw ended(state, wanted);
  throw new DecisionRefusedError(
    'not-started',
    `${state.experiment} revision ${state.revision} waits for the approval of its first stage: it can't ${wanted} yet`,
  );
}

function ended(state: StartedState, wanted: string): DecisionRefusedError {
  return new DecisionRefusedError(
    'already-ended',
    `${state.experiment} revision ${state.revision} is ${state.phase}: it can't ${wanted} any more; a new attempt or a changed specification starts a new revision`,
  );
}

function byOperator(
  state: StartedState,
  input: Operate,
  order: Omit<Order, 'actor' | 'evidence' | 'reason' | 'stage'> & { readonly stage?: number },
): ReturnType<typeof commandOf> {
  return commandOf(state, input, {
    stage: state.stage,
    ...order,
    reason: 'operator',
    evidence: null,
    actor: input.actor,
  });
}
