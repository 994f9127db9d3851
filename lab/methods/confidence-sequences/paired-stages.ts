import type { Arm } from '#libs/statistics';

/** A summary per variant, for each propensity that units were drawn with. */
export type StagesByArm<Summary> = Map<number, Record<Arm, Summary>>;

export function stageOf<Summary>(
  stages: StagesByArm<Summary>,
  propensity: number,
  initial: () => Summary,
): Record<Arm, Summary> {
  const known = stages.get(propensity);
  if (known) return known;
  const stage = { control: initial(), candidate: initial() };
  stages.set(propensity, stage);
  return stage;
}

/** Keyed in rising order of the propensity, so that the result does not depend on which part is named first. */
export function mergeStagesByArm<Summary>(
  a: StagesByArm<Summary>,
  b: StagesByArm<Summary>,
  initial: () => Summary,
  merge: (a: Summary, b: Summary) => Summary,
): StagesByArm<Summary> {
  const merged: StagesByArm<Summary> = new Map();
  for (const propensity of [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => x - y)) {
    const [left, right] = [a.get(propensity), b.get(propensity)];
    const of = (arm: Arm): Summary => merge(left?.[arm] ?? initial(), right?.[arm] ?? initial());
    merged.set(propensity, { control: of('control'), candidate: of('candidate') });
  }
  return merged;
}
