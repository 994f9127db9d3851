import { stageWeightPpm } from '../allocation.js';
import { operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import type { DefinedState } from '../state.js';
import { because, percent } from '../words/messages.js';
import { activeOrRefuse, DecisionRefusedError } from './refusal.js';

/** Stops the ramp where it stands; harm is still acted upon, and the deadline runs on. */
export function pause(defined: DefinedState, input: Operate): readonly DeliveryEvent[] {
  const state = activeOrRefuse(defined, 'pause');
  if (state.phase === 'paused') {
    throw new DecisionRefusedError('already-paused', `${state.experiment} is paused already`);
  }
  const command = operatorCommand(state, input, {
    command: 'pause',
    weightsPpm: state.weightsPpm,
    message: `Paused by ${input.actor} at ${percent(stageWeightPpm(state.spec, state.stage))}${because(input.note)}`,
    terminal: false,
  });
  return [{ type: 'paused', atMs: input.atMs, actor: input.actor, command }];
}
