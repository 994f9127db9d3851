import { type AllocationCommanded, candidatesOf, MILLION, type ExperimentSpec, type WeightsPpm } from '#libs/contracts';

/**
 * The allocation of a ramp stage. A canary's candidate gets the stage's weight. In an ab test the candidates share it
 * equally, at most up to an equal split with control: the test needs control to the end. A baseline arm gets as much as the candidate, as far as control has it
 * to give. What a dropped arm would get is control's: nobody of another arm moves, and no arm's share rises by it.
 */
export function stageWeights(spec: ExperimentSpec, stage: number): WeightsPpm {
  const wanted = stageWeightPpm(spec, stage);
  const each = Math.floor((spec.kind === 'ab' ? Math.min(wanted, equalSplitPpm(spec)) : wanted) / armsOf(spec).length);
  const given = candidatesOf(spec).map((name) => [name, each] as const);
  if (spec.baseline === undefined) return weigh(spec, given);
  return weigh(spec, [...given, [spec.baseline, Math.min(each, MILLION - wanted)]]);
}

/** All traffic to control: what a rollback orders, whatever was served before. */
export function controlOnly(spec: ExperimentSpec): WeightsPpm {
  return weigh(spec, []);
}

/** Copies of control's requests that go to the candidates during the shadow; undefined for an experiment without one. */
export function shadowCopies(spec: ExperimentSpec): AllocationCommanded['shadow'] {
  if (spec.shadow === undefined) return undefined;
  const { ratePpm, concurrency, seed } = spec.shadow;
  return { candidates: [...candidatesOf(spec)], ratePpm, concurrency, ...(seed === undefined ? {} : { seed }) };
}

/** The present allocation without an arm: its share goes to control. */
export function withoutArm(weightsPpm: WeightsPpm, { control }: ExperimentSpec, name: string): WeightsPpm {
  return { ...weightsPpm, [name]: 0, [control]: (weightsPpm[control] ?? 0) + (weightsPpm[name] ?? 0) };
}

/** All traffic to one variant. */
export function onlyVariant(spec: ExperimentSpec, name: string): WeightsPpm {
  return name === spec.control ? controlOnly(spec) : weigh(spec, [[name, MILLION]]);
}

/** Whether any traffic goes to a candidate. */
export function servesCandidates(spec: ExperimentSpec, weightsPpm: WeightsPpm): boolean {
  return weightsPpm[spec.control] !== MILLION;
}

/** Whether a draft waits for a person before it starts; in the shadow nobody is served, so that begins without. */
export function waitsForApproval({ ramp, shadow }: ExperimentSpec, approvedStages: readonly number[]): boolean {
  return shadow === undefined && ramp.stages[0]?.approval === 'required' && !approvedStages.includes(0);
}

/** Index of the last stage that the ramp itself may enter: for a canary the 100 % stage, for an ab test the equal split. */
export function topStage(spec: ExperimentSpec): number {
  const { stages } = spec.ramp;
  if (spec.kind === 'canary') return stages.length - 1;
  const equalSplit = stages.findIndex(({ weightPpm }) => weightPpm >= equalSplitPpm(spec));
  return equalSplit === -1 ? stages.length - 1 : equalSplit;
}

export function stageWeightPpm(spec: ExperimentSpec, stage: number): number {
  const found = spec.ramp.stages[stage];
  if (!found) throw new RangeError(`stage ${stage} of ${spec.key}: the ramp has ${spec.ramp.stages.length} stages`);
  return found.weightPpm;
}

/** The share that a stage takes the proof for: to bake takes what the promotion takes. */
export function provenForPpm(spec: ExperimentSpec, stage: number): number {
  return spec.ramp.stages[stage]?.bake === true ? MILLION : stageWeightPpm(spec, stage);
}

function equalSplitPpm(spec: ExperimentSpec): number {
  const candidates = armsOf(spec).length;
  return Math.floor((MILLION * candidates) / (candidates + 1));
}

/** The candidates with which it began. */
function armsOf({ variants, control, baseline }: ExperimentSpec): readonly string[] {
  return candidatesOf({ variants, control, ...(baseline === undefined ? {} : { baseline }) });
}

function weigh(spec: ExperimentSpec, given: readonly (readonly [string, number])[]): WeightsPpm {
  const weights: Record<string, number> = Object.fromEntries(Object.keys(spec.variants).map((name) => [name, 0]));
  let left = MILLION;
  for (const [name, weightPpm] of given) {
    weights[name] = weightPpm;
    left -= weightPpm;
  }
  weights[spec.control] = left;
  return weights;
}
