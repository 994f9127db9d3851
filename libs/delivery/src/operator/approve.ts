import { stageWeightPpm } from '../allocation.js';
import type { DeliveryEvent } from '../events.js';
import type { Approve } from '../inputs.js';
import { isActive, isInShadow, type DefinedState } from '../state.js';
import { percent } from '../words/numbers.js';
import { because } from '../words/quote.js';
import { DecisionRefusedError, hasEnded } from './refusal.js';
import { startOrWait } from './revision.js';

/** Gives the approval that a ramp stage asks for, also ahead of time. A draft whose first stage is approved starts. */
export function approveStage(state: DefinedState, input: Approve): readonly DeliveryEvent[] {
  if (state.phase !== 'draft' && !isActive(state)) throw hasEnded(state, 'approved');
  const { stages } = state.spec.ramp;
  const from = state.phase === 'draft' || isInShadow(state) ? 0 : state.stage + 1;
  const open = stages.flatMap(({ approval }, index) =>
    index >= from && approval === 'required' && !state.approvedStages.includes(index) ? [index] : [],
  );
  const stage = input.stage ?? open[0];
  if (stage === undefined || !open.includes(stage)) {
    const shareOf = (index: number): string => `the stage of ${percent(stageWeightPpm(state.spec, index))}`;
    const choice = open.map(shareOf).join(', ');
    const subject = stage === undefined ? 'No stage' : stage in stages ? shareOf(stage) : 'A stage that is not there';
    throw new DecisionRefusedError(
      'nothing-to-approve',
      `${state.experiment}: ${subject} needs no approval${choice === '' ? '' : `; expected ${choice}`}`,
    );
  }
  refuseOwn(state, stage, input);
  const { atMs, actor, note } = input;
  const approved: DeliveryEvent = {
    type: 'approved',
    atMs,
    actor,
    stage,
    note: `${percent(stageWeightPpm(state.spec, stage))} approved by ${actor}${because(note)}`,
  };
  return startOrWait(state, approved, input);
}

/** Where the stage asks for somebody else, none of those will do whose words the revision is. */
function refuseOwn(state: DefinedState, stage: number, { actor }: Approve): void {
  if (state.spec.ramp.stages[stage]?.approvedBy !== 'another' || !state.appliedBy.includes(actor)) return;
  const share = percent(stageWeightPpm(state.spec, stage));
  throw new DecisionRefusedError(
    'own-approval',
    `${actor} has applied revision ${state.revision} of ${state.experiment}, or changed its policy: the stage of ${share} asks for the approval of somebody else`,
  );
}
