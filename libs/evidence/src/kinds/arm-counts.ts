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
  return {
    units: { control: a.units.control + b.units.control, candidate: a.units.candidate + b.units.candidate },
    events: { control: a.events.control + b.events.control, candidate: a.events.candidate + b.events.candidate },
  };
}
