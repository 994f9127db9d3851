import {
  type Arm,
  ByPropensity,
  initialSketch,
  mergeSketches,
  propensitiesOf,
  type QuantileSketch,
} from '#libs/statistics';

/** Sketches of values by propensity and arm: what is drawn under different allocations is not mixed. */
export type ValuesByPropensity = ByPropensity<Record<Arm, QuantileSketch>>;

export function valuesAt(values: ValuesByPropensity, propensity: number): Record<Arm, QuantileSketch> {
  return values.at(propensity, nothing);
}

function nothing(): Record<Arm, QuantileSketch> {
  return { control: initialSketch(), candidate: initialSketch() };
}

/** The allocation that has shown the candidate to most units; null without any. */
export function mostExposedCell(values: ValuesByPropensity): Record<Arm, QuantileSketch> | null {
  let largest: Record<Arm, QuantileSketch> | null = null;
  for (const cell of values.values()) {
    if (largest === null || cell.candidate.n > largest.candidate.n) largest = cell;
  }
  return largest;
}

export function mergeValues(a: ValuesByPropensity, b: ValuesByPropensity): ValuesByPropensity {
  const merged: ValuesByPropensity = new ByPropensity();
  for (const propensity of propensitiesOf(a, b)) {
    const left = a.get(propensity);
    const right = b.get(propensity);
    merged.set(propensity, {
      control: mergeSketches(left?.control ?? initialSketch(), right?.control ?? initialSketch()),
      candidate: mergeSketches(left?.candidate ?? initialSketch(), right?.candidate ?? initialSketch()),
    });
  }
  return merged;
}
