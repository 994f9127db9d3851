import { MILLION, type ExperimentSpec, type RampStage } from '#libs/contracts';
import { duration, percent } from './numbers.js';

/** "It bakes: 1 % stays with control, and is compared with the rest, for 24 h before the promotion; harm still rolls back." */
export function bakingInWords({ ramp, control, baseline }: ExperimentSpec): string {
  const bake = ramp.stages.find(isBake);
  if (bake === undefined) return '';
  const slice = percent(MILLION - bake.weightPpm);
  return `It bakes: ${slice} stays with ${baseline ?? control}, and is compared with the rest, for ${duration(bake.atLeastMs)} before the promotion; harm still rolls back.`;
}

/** Whether the ramp is in its bake. */
export function isBaking({ ramp }: ExperimentSpec, stage: number | undefined): boolean {
  const at = stage === undefined ? undefined : ramp.stages[stage];
  return at !== undefined && isBake(at);
}

function isBake({ bake }: RampStage): boolean {
  return bake === true;
}
