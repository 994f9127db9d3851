/**
 * Adjusted p-values for a family of hypotheses: reject those with an adjusted p ≤ α. All functions here take the raw p-values
 * and return the adjusted ones in the order of the input; both lie in [0, 1], and no adjusted p is below its raw one.
 * They throw for a p outside [0, 1] or NaN: a test that has no answer is to be handed in as p = 1, so that it still counts.
 *
 * Fed with anytime p-values (running minimum of 1/E) they hold at every look.
 */
type PValues = readonly number[];

/** Bonferroni: m·p. Family-wise error under any dependence. Source: Dunn, JASA 56 (1961). O(m). */
export function bonferroniAdjustedP(ps: PValues): number[] {
  assertPValues(ps);
  return ps.map((p) => Math.min(1, ps.length * p));
}

/** Šidák: 1 − (1 − p)^m. Family-wise error for independent tests. Source: Šidák, JASA 62 (1967). O(m). */
export function sidakAdjustedP(ps: PValues): number[] {
  assertPValues(ps);
  // In logarithms a small p keeps its digits; rounding must not bring it below the raw one.
  return ps.map((p) => Math.max(p, -Math.expm1(ps.length * Math.log1p(-p))));
}

/** Holm's step-down Bonferroni. Family-wise error under any dependence. Source: Holm, Scand. J. Statist. 6 (1979). O(m log m). */
export function holmAdjustedP(ps: PValues): number[] {
  return stepDown(ps, (rank, m) => m - rank + 1);
}

/**
 * Hochberg's step-up. Family-wise error for independent or positively dependent tests; never above Holm's.
 * Source: Hochberg, Biometrika 75 (1988). O(m log m).
 */
export function hochbergAdjustedP(ps: PValues): number[] {
  return stepUp(ps, (rank, m) => m - rank + 1);
}

/**
 * Hommel: the closure of Simes' test. Family-wise error for independent or positively dependent tests; never above Hochberg's.
 * Source: Hommel, Biometrika 75 (1988); closed testing: Marcus, Peritz, Gabriel, Biometrika 63 (1976). O(m²).
 *
 * A hypothesis is rejected when every set that contains it is, so its adjusted p is the largest Simes p over those sets. Of all
 * sets of size s that is the one of it and the s − 1 largest others.
 */
export function hommelAdjustedP(ps: PValues): number[] {
  const order = ascending(ps);
  const m = ps.length;
  const sorted = order.map((place) => ps[place] as number);
  const adjusted = sorted.slice();
  for (let size = 2; size <= m; size++) {
    const smallest = sorted[m - size] as number;
    let others = Infinity;
    for (let rank = 2; rank <= size; rank++) {
      others = Math.min(others, (size * (sorted[m - size + rank - 1] as number)) / rank);
    }
    for (let k = 0; k < m; k++) {
      const own = size * Math.min(sorted[k] as number, smallest);
      adjusted[k] = Math.max(adjusted[k] as number, Math.min(own, others));
    }
  }
  return inInputOrder(order, adjusted);
}

/**
 * Benjamini-Hochberg. False discovery rate for independent or positively dependent tests.
 * Source: Benjamini & Hochberg, JRSS-B 57 (1995). O(m log m).
 */
export function benjaminiHochbergAdjustedP(ps: PValues): number[] {
  return stepUp(ps, (rank, m) => m / rank);
}

/** Benjamini-Yekutieli. False discovery rate under any dependence. Source: Ann. Statist. 29 (2001), thm 1.3. O(m log m). */
export function benjaminiYekutieliAdjustedP(ps: PValues): number[] {
  const harmonic = ps.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  return stepUp(ps, (rank, m) => (harmonic * m) / rank);
}

type Factor = (rank: number, m: number) => number;

/** From the smallest p upwards: factor·p, never below what a smaller p got. */
function stepDown(ps: PValues, factor: Factor): number[] {
  const order = ascending(ps);
  let reached = 0;
  const adjusted = order.map((place, index) => {
    reached = Math.max(reached, factor(index + 1, ps.length) * (ps[place] as number));
    return reached;
  });
  return inInputOrder(order, adjusted);
}

/** From the largest p downwards: factor·p, never above what a larger p got. */
function stepUp(ps: PValues, factor: Factor): number[] {
  const order = ascending(ps);
  const adjusted = Array.from<number>({ length: ps.length });
  let reached = 1;
  for (let index = ps.length - 1; index >= 0; index--) {
    const p = ps[order[index] as number] as number;
    // m / rank of the largest is 1, but a factor may be rounded below it.
    reached = Math.min(reached, Math.max(p, factor(index + 1, ps.length) * p));
    adjusted[index] = reached;
  }
  return inInputOrder(order, adjusted);
}

/** Places of the p-values from the smallest to the largest. */
function ascending(ps: PValues): number[] {
  assertPValues(ps);
  return ps.map((_, place) => place).sort((a, b) => (ps[a] as number) - (ps[b] as number));
}

function inInputOrder(order: readonly number[], sorted: readonly number[]): number[] {
  const adjusted = Array.from<number>({ length: order.length });
  order.forEach((place, index) => {
    adjusted[place] = Math.min(1, sorted[index] as number);
  });
  return adjusted;
}

function assertPValues(ps: PValues): void {
  for (const p of ps) {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`a p-value is ${p}, expected a number from 0 to 1`);
  }
}
