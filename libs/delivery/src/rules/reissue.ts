import { controllerCommand, CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Contested } from '../inputs.js';
import type { DeliveryState } from '../state.js';

/** Gives an order that not every router follows once more, under an epoch larger than any of them obeys, and says so. */
export function reissueContested(state: DeliveryState, input: Contested): readonly DeliveryEvent[] {
  if (state.phase === 'absent' || state.phase === 'draft') return [];
  const { lastCommand } = state;
  // A newer order was given meanwhile: that one counts.
  if (lastCommand.epoch !== input.epoch) return [];
  const { command, stage, weightsPpm, reason, terminal, evidence } = lastCommand;
  const who = `${input.behind.join(', ')} ${input.behind.length === 1 ? 'has' : 'have'} not followed it`;
  const again = controllerCommand({ ...state, epoch: Math.max(state.epoch, input.servedEpoch) }, input, {
    command,
    stage,
    weightsPpm,
    reason,
    terminal,
    evidence,
    message: lastCommand.message,
  });
  const message = `The ${command} of epoch ${input.epoch} is not in force everywhere: ${who}. It is ordered again as epoch ${again.epoch}.`;
  return [
    { type: 'alert-raised', atMs: input.atMs, actor: CONTROLLER, alert: 'contested', message },
    { type: 'reissued', atMs: input.atMs, actor: CONTROLLER, command: again },
  ];
}
