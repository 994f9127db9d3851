import { controlOnly } from '../allocation.js';
import { operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import type { DefinedState } from '../state.js';
import { because } from '../words/quote.js';
import { DecisionRefusedError } from './refusal.js';

/** Sends everybody back to control. Possible at any time, also after a promotion; it beats everything else. */
export function rollBackToControl(state: DefinedState, input: Operate): readonly DeliveryEvent[] {
  // Asked for twice, it is still rolled back.
  if (state.phase === 'rolled-back') return [];
  if (state.phase === 'draft') {
    throw new DecisionRefusedError(
      'not-started',
      `${state.experiment} revision ${state.revision} has not started; all traffic is on ${state.spec.control} already`,
    );
  }
  const command = operatorCommand(state, input, {
    command: 'rollback',
    weightsPpm: controlOnly(state.spec),
    message: `Rolled back by ${input.actor}${because(input.note)}`,
    terminal: true,
  });
  return [{ type: 'rolled-back', atMs: input.atMs, actor: input.actor, command }];
}
