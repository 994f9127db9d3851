import { asItIs, operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import type { DefinedState } from '../state.js';
import { whereInWords } from '../words/shadow.js';
import { because } from '../words/quote.js';
import { causesInWords } from '../words/trust.js';
import { activeOrRefuse, DecisionRefusedError } from './refusal.js';

/** Lets a paused ramp go on. A ramp that is held goes on by itself. */
export function resumeRamp(defined: DefinedState, input: Operate): readonly DeliveryEvent[] {
  const state = activeOrRefuse(defined, 'resumed');
  if (state.phase !== 'paused') {
    const why =
      state.phase === 'held'
        ? `is held because of ${causesInWords(state.causes)} and goes on by itself when that is over`
        : 'is running';
    throw new DecisionRefusedError('not-paused', `${state.experiment} ${why}; only a paused experiment can be resumed`);
  }
  const command = operatorCommand(state, input, {
    command: 'resume',
    ...asItIs(state),
    message: `Resumed by ${input.actor} ${whereInWords(state)}${because(input.note)}`,
    terminal: false,
  });
  return [{ type: 'resumed', atMs: input.atMs, actor: input.actor, command }];
}
