import { controlOnly } from '../allocation.js';
import { operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import type { DefinedState } from '../state.js';
import { alarmForTarget } from '../rules/broken-control.js';
import { because } from '../words/quote.js';
import { DecisionRefusedError } from './refusal.js';

/** Sends everybody back to control. Possible at any time, also after a promotion; it beats everything else. Where control is broken too, an alarm says so. */
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
  const { analysis, atMs } = input;
  const known = analysis?.revision === state.revision ? analysis : null;
  return [{ type: 'rolled-back', atMs, actor: input.actor, command }, ...alarmForTarget(state, known, atMs)];
}
