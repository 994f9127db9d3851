import type { CommandEvent, DeliveryEvent } from './events.js';
import type { DefinedState, DeliveryState } from './state.js';

/**
 * Each field of a stored event may be right and the whole still be one that no decision has led to.
 * @throws RangeError for an event that can't have happened in that state: a stage that its ramp has not, a variant that its
 *   specification has not, an epoch that is not larger than the one before.
 */
export function refuseImpossible(state: DeliveryState, event: DeliveryEvent): void {
  // The first definition; what else comes before it is refused where it is applied.
  if (state.phase === 'absent' || event.type === 'defined') return;
  if (event.type === 'policy-changed') refuseOtherRevision(state, event.type, event.definition.revision);
  if ('command' in event) refuseImpossibleCommand(state, event);
  if ('stage' in event) refuseStage(state, event.type, event.stage);
  if ('variant' in event) refuseVariant(state, event.type, event.variant);
  if (event.type === 'concluded' && event.winner !== null) refuseVariant(state, event.type, event.winner);
}

function refuseImpossibleCommand(state: DefinedState, { type, command }: CommandEvent): void {
  const { stage, weightsPpm, epoch, revision } = command;
  refuseOtherRevision(state, type, revision);
  if (epoch <= state.epoch) {
    throw new RangeError(`"${type}" has epoch ${epoch}, expected a larger one than ${state.epoch}`);
  }
  refuseStage(state, type, stage);
  for (const name of Object.keys(weightsPpm)) refuseVariant(state, type, name);
}

function refuseOtherRevision(state: DefinedState, type: string, revision: number): void {
  if (revision === state.revision) return;
  throw new RangeError(`"${type}" is of revision ${revision}, expected the defined revision ${state.revision}`);
}

function refuseStage({ spec }: DefinedState, type: string, stage: number): void {
  const { length } = spec.ramp.stages;
  if (stage < length) return;
  throw new RangeError(`"${type}" names stage ${stage}, expected one of 0 to ${length - 1}, which the ramp has`);
}

function refuseVariant({ spec }: DefinedState, type: string, name: string): void {
  const names = Object.keys(spec.variants);
  if (names.includes(name)) return;
  throw new RangeError(`"${type}" names variant ${name}, expected one of ${names.join(', ')}`);
}
