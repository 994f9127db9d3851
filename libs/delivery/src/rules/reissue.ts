import { asItIs, controllerCommand, CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Contested } from '../inputs.js';
import type { DeliveryState, StartedState } from '../state.js';

/** How much further than the controller a router may be and still be followed: far more orders than a backup can have missed. */
const LARGEST_JUMP = 100_000;
/** Routers that a message names. */
const MOST_NAMED = 5;

/** Gives an order that not every router follows once more, under an epoch larger than any of them obeys, and says so. */
export function reissueContested(state: DeliveryState, input: Contested): readonly DeliveryEvent[] {
  if (state.phase === 'absent' || state.phase === 'draft') return [];
  const { lastCommand } = state;
  // Routers that know the controller's key do not obey it, so there is nothing to give again.
  if (input.forged !== undefined) return alertOnce(state, input, input.forged);
  // A newer order was given meanwhile: that one counts.
  if (lastCommand.epoch !== input.epoch) return [];
  const isAstray = input.servedEpoch > state.epoch + LARGEST_JUMP;
  const { command, reason, terminal, evidence, message } = lastCommand;
  const who = `${named(input.behind)} ${input.behind.length === 1 ? 'has' : 'have'} not followed it`;
  const notInForce = `The ${command} of epoch ${input.epoch} is not in force everywhere: ${who}.`;
  if (isAstray)
    return alertOnce(
      state,
      input,
      `${notInForce} One says that it obeys epoch ${input.servedEpoch}, which no controller has given: look at that router, or break the glass there.`,
    );
  const again = controllerCommand({ ...state, epoch: Math.max(state.epoch, input.servedEpoch) }, input, {
    command,
    ...asItIs(state),
    reason,
    terminal,
    evidence,
    message,
  });
  const told = `${notInForce} It is ordered again as epoch ${again.epoch}.`;
  return [
    { type: 'alert-raised', atMs: input.atMs, actor: CONTROLLER, alert: 'contested', message: told },
    { type: 'reissued', atMs: input.atMs, actor: CONTROLLER, command: again },
  ];
}

/** An epoch from nowhere is told, and not outdone: the next one would be further still, until there is none left for a rollback. */
function alertOnce(state: StartedState, { atMs }: Contested, message: string): readonly DeliveryEvent[] {
  if (state.alerts.some((known) => known.message === message)) return [];
  return [{ type: 'alert-raised', atMs, actor: CONTROLLER, alert: 'contested', message }];
}

function named(routers: readonly string[]): string {
  const more = routers.length - MOST_NAMED;
  return more > 0 ? `${routers.slice(0, MOST_NAMED).join(', ')} and ${more} more` : routers.join(', ');
}
