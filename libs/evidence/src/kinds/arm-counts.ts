import type { Arm } from '#libs/statistics';

/** Units (first values, those that decide) and events (all values) per arm. */
export interface ArmCounts {
  readonly units: Record<Arm, number>;
  readonly events: Record<Arm, number>;
}

export function initialArmCounts(): ArmCounts {
  return { units: { control: 0, candidate: 0 }, events: { control: 0, candidate: 0 } };
}

export function mergeArmCounts(a: ArmCounts, b: ArmCounts): ArmCounts {
  return { units: addByArm(a.units, b.units), events: addByArm(a.events, b.events) };
}

export function addByArm(a: Readonly<Record<Arm, number>>, b: Readonly<Record<Arm, number>>): Record<Arm, number> {
  return { control: a.control + b.control, candidate: a.candidate + b.candidate };
}
