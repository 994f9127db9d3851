import type { ExperimentSpec } from './spec.js';

/** Variants of an experiment. */
type Arms = Pick<ExperimentSpec, 'control' | 'baseline'> & {
  /** By name, whatever is known of each. */
  readonly variants: Readonly<Record<string, unknown>>;
  /** Arms that are out of the race; no file says so. */
  readonly dropped?: readonly string[];
};

/** All variants that may win: neither control nor the baseline arm, nor what was dropped; in the order of the file. */
export function candidatesOf({ variants, control, baseline, dropped = [] }: Arms): readonly string[] {
  return Object.keys(variants).filter((name) => name !== control && name !== baseline && !dropped.includes(name));
}

/** What candidates are compared with: the baseline arm where there is one, else control. */
export function comparedWith({ control, baseline }: Pick<ExperimentSpec, 'control' | 'baseline'>): string {
  return baseline ?? control;
}
