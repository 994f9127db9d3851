import { evidenceOf } from './e-values.js';

export interface EBenjaminiHochberg {
  /** Places of the rejected hypotheses in the input, ascending. */
  readonly rejected: readonly number[];
  /** Every e-value from here on is rejected, m/(α·k) with k rejections; null when none is. */
  readonly threshold: number | null;
}

/**
 * e-BH: rejects the k largest of m e-values, k the largest with e_(k) ≥ m/(α·k). False discovery rate ≤ α·m₀/m under any
 * dependence and at any stopping time, since e-processes stay e-values there.
 *
 * A NaN counts as 0: no evidence, and still one of the m. Throws for negative e-values.
 * Source: Wang & Ramdas, JRSS-B 84 (2022), §4. O(m log m).
 */
export function eBenjaminiHochberg(eValues: readonly number[], alpha: number): EBenjaminiHochberg {
  if (!(alpha > 0 && alpha <= 1)) throw new RangeError(`alpha is ${alpha}, expected more than 0 and at most 1`);
  const evidence = eValues.map(evidenceOf);
  const m = evidence.length;
  const threshold = evidence
    .toSorted((a, b) => b - a)
    .reduce<number | null>((reached, e, index) => {
      const needed = m / (alpha * (index + 1));
      return e >= needed ? needed : reached;
    }, null);
  if (threshold === null) return { rejected: [], threshold };
  return { rejected: evidence.flatMap((e, place) => (e >= threshold ? [place] : [])), threshold };
}
