import { candidatesOf } from '#libs/contracts';
import { droppingArm, operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import { inRace, type DefinedState } from '../state.js';
import { because } from '../words/quote.js';
import { activeOrRefuse, DecisionRefusedError } from './refusal.js';

/** Takes one candidate of several out of the test, and the others go on. */
export function dropArmByHand(defined: DefinedState, input: Operate): readonly DeliveryEvent[] {
  const state = activeOrRefuse(defined, 'changed');
  const { spec, experiment } = inRace(state);
  const variant = input.variant ?? '';
  // Asked for twice, it is still dropped.
  if (state.dropped?.includes(variant)) return [];
  const candidates = candidatesOf(spec);
  if (!candidates.includes(variant)) {
    throw new DecisionRefusedError(
      'unknown-variant',
      `${experiment} has no candidate "${variant}": expected one of ${candidates.join(', ')}`,
    );
  }
  const others = candidates.filter((name) => name !== variant);
  if (others.length === 0) {
    throw new DecisionRefusedError(
      'last-candidate',
      `${variant} is the only candidate of ${experiment}: POST /v1/experiments/${experiment}/rollback ends the test`,
    );
  }
  const command = operatorCommand(state, input, {
    ...droppingArm(state, variant, others),
    message: `${variant} dropped by ${input.actor}, its share goes to ${spec.control}; the test goes on with ${others.join(' and ')}${because(input.note)}`,
  });
  return [{ type: 'arm-dropped', atMs: input.atMs, actor: input.actor, command, variant }];
}
