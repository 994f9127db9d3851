import { controlOnly } from '../allocation.js';
import { operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import { isActive, type DefinedState } from '../state.js';
import { because } from '../words/quote.js';
import { rollBackToControl } from './rollback.js';

/**
 * Ends an experiment without blame: everybody gets control, and nothing is latched. What has ended and still serves a candidate can only be rolled
 * back.
 */
export function endWithoutVerdict(state: DefinedState, input: Operate): readonly DeliveryEvent[] {
  if (state.phase === 'draft') return [];
  if (!isActive(state)) return rollBackToControl(state, input);
  const command = operatorCommand(state, input, {
    command: 'conclude',
    weightsPpm: controlOnly(state.spec),
    message: `Ended by ${input.actor} without a verdict, all traffic goes to ${state.spec.control}${because(input.note)}`,
    terminal: true,
  });
  const { atMs, actor } = input;
  return [{ type: 'concluded', atMs, actor, command, outcome: 'inconclusive', winner: null }];
}
