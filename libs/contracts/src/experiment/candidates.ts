import type { ExperimentSpec } from './spec.js';

/** All variants that may win: neither control nor the baseline arm; in the order of the file. */
export function candidatesOf(spec: Pick<ExperimentSpec, 'variants' | 'control' | 'baseline'>): readonly string[] {
  return Object.keys(spec.variants).filter((name) => name !== spec.control && name !== spec.baseline);
}

/** What candidates are compared with: the baseline arm where there is one, else control. */
export function comparedWith({ control, baseline }: Pick<ExperimentSpec, 'control' | 'baseline'>): string {
  return baseline ?? control;
}
