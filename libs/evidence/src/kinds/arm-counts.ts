import type { Arm } from '#libs/statistics';

/** Units (first values, those that decide) and events (all values) per arm. */
export interface ArmCounts {
  readonly units: Record<Arm, number>;
  readonly events: Record<Arm, number>;
}

export function initialArmCounts(): ArmCounts {
  return { units: { control: 0, candidate: 0 }, events: { control: 0, candidate: 0 } };
}

/** Counts one more, in place. Both names are written out: where a name is a variable, the compiler looks it up in a table, for every event and metric. */
export function countOne(counts: Record<Arm, number>, arm: Arm): void {
  if (arm === 'candidate') counts.candidate += 1;
  else counts.control += 1;
}

/** What is kept of one arm. */
export function ofArm<Value>(both: Readonly<Record<Arm, Value>>, arm: Arm): Value {
  return arm === 'candidate' ? both.candidate : both.control;
}

export function mergeArmCounts(a: ArmCounts, b: ArmCounts): ArmCounts {
  return { units: addByArm(a.units, b.units), events: addByArm(a.events, b.events) };
}

export function addByArm(a: Readonly<Record<Arm, number>>, b: Readonly<Record<Arm, number>>): Record<Arm, number> {
  return { control: a.control + b.control, candidate: a.candidate + b.candidate };
}
