import { candidatesOf } from '#libs/contracts';
import { onlyVariant } from '../allocation.js';
import { operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import { isInShadow, type DefinedState } from '../state.js';
import { because } from '../words/quote.js';
import { activeOrRefuse, DecisionRefusedError } from './refusal.js';

/** Gives the only candidate all traffic without waiting for the proof. */
export function promoteCandidate(defined: DefinedState, input: Operate): readonly DeliveryEvent[] {
  const state = activeOrRefuse(defined, 'promoted');
  if (isInShadow(state)) {
    throw new DecisionRefusedError(
      'in-shadow',
      `${state.experiment} is in its shadow: nobody has been served by a candidate yet, and all traffic does not begin with somebody's word. To begin with the ramp at once, apply the file without "shadow"`,
    );
  }
  const candidates = candidatesOf(state.spec);
  const [candidate] = candidates;
  if (candidate === undefined || candidates.length > 1) {
    throw new DecisionRefusedError(
      'promotion-needs-one-candidate',
      `${state.experiment} has ${candidates.length} candidates (${candidates.join(', ')}); only an experiment with one candidate can be promoted by hand`,
    );
  }
  const command = operatorCommand(state, input, {
    command: 'promote',
    weightsPpm: onlyVariant(state.spec, candidate),
    message: `Promoted by ${input.actor} without waiting for the proof${because(input.note)}`,
    terminal: true,
    stage: state.spec.ramp.stages.length - 1,
  });
  return [{ type: 'promoted', atMs: input.atMs, actor: input.actor, command }];
}
