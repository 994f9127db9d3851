import type { ExperimentSpec } from './spec.js';

/** All variants but control, in the order of the file. */
export function candidatesOf(spec: Pick<ExperimentSpec, 'variants' | 'control'>): readonly string[] {
  return Object.keys(spec.variants).filter((name) => name !== spec.control);
}
