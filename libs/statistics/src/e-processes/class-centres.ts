/** Values of a class that count half beside the mean of all: rare classes are predicted by what all have in common. */
const HALF_AT = 32;

/** The newest value of a class counts 1 ÷ this, once it has had so many. */
const MEMORY = 256;

/**
 * How far the values of each class (of prompts) lie from the recent mean of all, as predictions for betting. A mixture of easy and hard
 * prompts then costs no more units than either alone.
 *
 * Assumptions: a value's class is known before its unit is assigned and does not depend on the variant. The class may be anything else:
 * its prediction cancels in the mean, see `betAround`.
 */
export interface ClassCentres {
  /** Class by class. */
  readonly n: Float64Array;
  /** Recent mean of value − recent mean of all, drawn towards 0 while the class is rare. */
  readonly offset: Float64Array;
  readonly mean: Float64Array;
}

/** Where a value is expected beside the recent mean; predictions of all classes lie between `lowest` and `highest`. */
export interface ClassPrediction {
  readonly offset: number;
  readonly lowest: number;
  readonly highest: number;
}

export const NO_CLASS: ClassPrediction = { offset: 0, lowest: 0, highest: 0 };

export function initialClassCentres(classes: number): ClassCentres {
  return { n: new Float64Array(classes), offset: new Float64Array(classes), mean: new Float64Array(classes) };
}

/** From the past alone. {@link NO_CLASS} for a class beyond those that are kept. O(classes). */
export function predictClass({ offset, n }: ClassCentres, of: number): ClassPrediction {
  if (!(of >= 0 && of < n.length)) return NO_CLASS;
  let lowest = 0;
  let highest = 0;
  for (let k = 0; k < offset.length; k++) {
    const at = offset[k] as number;
    if (at < lowest) lowest = at;
    else if (at > highest) highest = at;
  }
  return { offset: offset[of] as number, lowest, highest };
}

/** Folds one value in, in place. @param distance of the value from the recent mean of all before it; finite. */
export function observeClass({ n, offset, mean }: ClassCentres, of: number, distance: number): void {
  if (!(of >= 0 && of < n.length)) return;
  const seen = (n[of] as number) + 1;
  n[of] = seen;
  const now = (mean[of] as number) + (distance - (mean[of] as number)) / Math.min(seen, MEMORY);
  mean[of] = now;
  offset[of] = (now * seen) / (seen + HALF_AT);
}
