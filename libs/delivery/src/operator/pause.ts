import { asItIs, operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import type { DefinedState } from '../state.js';
import { whereInWords } from '../words/shadow.js';
import { because } from '../words/quote.js';
import { activeOrRefuse, DecisionRefusedError } from './refusal.js';

/** Stops the ramp where it stands, and the deadline's clock with it; proven harm still rolls back. */
export function pauseRamp(defined: DefinedState, input: Operate): readonly DeliveryEvent[] {
  const state = activeOrRefuse(defined, 'paused');
  if (state.phase === 'paused') {
    throw new DecisionRefusedError('already-paused', `${state.experiment} is already paused`);
  }
  const command = operatorCommand(state, input, {
    command: 'pause',
    ...asItIs(state),
    message: `Paused by ${input.actor} ${whereInWords(state)}${because(input.note)}`,
    terminal: false,
  });
  return [{ type: 'paused', atMs: input.atMs, actor: input.actor, command }];
}
