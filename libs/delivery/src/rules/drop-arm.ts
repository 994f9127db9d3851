import { candidatesOf } from '#libs/contracts';
import { controllerCommand, CONTROLLER, droppingArm } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import { isActive, type ActiveState, type StartedState } from '../state.js';

type RolledBack = Extract<DeliveryEvent, { readonly type: 'rolled-back' }>;

/**
 * What harm of one candidate leads to where it is not the only one. While the test runs that arm loses its traffic, and the others go on. After the
 * end harm of who serves nobody undoes no winner: it is latched. In all other cases harm is answered as given.
 */
export function sparingOthers(
  state: StartedState,
  input: Analysed,
  answer: readonly DeliveryEvent[],
): readonly DeliveryEvent[] {
  const rollback = answer.find((event): event is RolledBack => event.type === 'rolled-back');
  const harmful = rollback?.command.evidence?.candidate ?? null;
  if (!rollback || harmful === null) return answer;
  if (isActive(state)) return candidatesOf(state.spec).length > 1 ? [dropArm(state, input, rollback)] : answer;
  if ((state.weightsPpm[harmful] ?? 0) > 0) return answer;
  const { message } = rollback.command;
  return [{ type: 'arm-disqualified', atMs: input.atMs, actor: CONTROLLER, variant: harmful, message }];
}

function dropArm(state: ActiveState, input: Analysed, { command }: RolledBack): DeliveryEvent {
  const { spec } = state;
  const { evidence, message } = command;
  const variant = evidence?.candidate as string;
  const others = candidatesOf(spec).filter((name) => name !== variant);
  const dropped = controllerCommand(state, input, {
    ...droppingArm(state, variant, others),
    reason: 'harmful',
    message: `${message} ${variant} is dropped, its share goes to ${spec.control}; the test goes on with ${others.join(' and ')}.`,
    evidence,
  });
  return { type: 'arm-dropped', atMs: input.atMs, actor: CONTROLLER, command: dropped, variant };
}
