/** Below it 1/p overflows; a larger p gives a smaller and thus still valid e-value. */
const SMALLEST_P = 2 ** -1022;

/** Up to here e^l − 1 − l cancels, and its series is short. */
const SERIES_UP_TO = 0.5;

/**
 * Merges e-values of any dependence, e.g. of several metrics of the same traffic: their arithmetic mean, the only symmetric way
 * that is never beaten. NaN counts as 0. No e-values: 1, which is no evidence.
 * Source: Vovk & Wang, Ann. Statist. 49 (2021), prop. 3.1. O(m). For e-processes kept as logarithms: {@link logMeanExp}.
 */
export function meanOfEValues(eValues: readonly number[]): number {
  if (eValues.length === 0) return 1;
  return finite(eValues.reduce((sum, e) => sum + evidenceOf(e) / eValues.length, 0));
}

/**
 * Merges independent e-values, or those of successive disjoint parts of the traffic: their product. NaN counts as 0, and one 0
 * makes the product 0: leave a part without data out, or hand in 1. A product that overflows is the largest double, which is
 * less and therefore still valid; where that matters add the logarithms instead. No e-values: 1.
 * Source: Vovk & Wang, Ann. Statist. 49 (2021), §4. O(m).
 */
export function productOfEValues(eValues: readonly number[]): number {
  const evidence = eValues.map(evidenceOf);
  if (evidence.includes(0)) return 0;
  const product = evidence.reduce((sofar, e) => sofar * e, 1);
  if (Number.isFinite(product) && product > 0) return product;
  // Large and small factors may have left the range of doubles on the way, though their product is within.
  return finite(Math.exp(evidence.reduce((sum, e) => sum + Math.log(e), 0)));
}

/** p-value of an e-value: min(1, 1/e). Of the largest value an e-process has reached it is an anytime p. NaN counts as 0. */
export function pOfEValue(e: number): number {
  return Math.min(1, 1 / evidenceOf(e));
}

/**
 * e-value of a p-value by the calibrator κ·p^(κ−1), 0 < κ < 1, default ½.
 * Source: Vovk & Wang, Ann. Statist. 49 (2021), eq. 1. Only for a p that was fixed beforehand or is itself anytime-valid.
 */
export function eValueOfP(p: number, kappa = 0.5): number {
  assertP(p);
  if (!(kappa > 0 && kappa < 1)) throw new RangeError(`kappa is ${kappa}, expected a number between 0 and 1`);
  return kappa * Math.max(p, SMALLEST_P) ** (kappa - 1);
}

/**
 * e-value of a p-value by the calibrators above mixed over all κ: (1 − p + p·ln p)/(p·ln² p), ½ at p = 1. No κ to choose, and
 * for small p nearly as large as the best of them.
 * Source: Vovk & Wang, Ann. Statist. 49 (2021), eq. 2.
 */
export function mixedEValueOfP(p: number): number {
  assertP(p);
  // With l = −ln p it is (e^l − 1 − l)/l².
  const l = -Math.log(Math.max(p, SMALLEST_P));
  return l < SERIES_UP_TO ? series(l) : (Math.expm1(l) - l) / (l * l);
}

/** What an e-value says: NaN is no evidence. Throws for a negative one. */
export function evidenceOf(e: number): number {
  if (Number.isNaN(e)) return 0;
  if (e < 0) throw new RangeError(`an e-value is ${e}, expected 0 or more`);
  return e;
}

/** Σ l^k/(k + 2)!. */
function series(l: number): number {
  let term = 0.5;
  let sum = term;
  for (let k = 1; k <= 14; k++) {
    term *= l / (k + 2);
    sum += term;
  }
  return sum;
}

/** No e-value is infinite; the largest double is less and therefore still one. */
function finite(e: number): number {
  return Math.min(e, Number.MAX_VALUE);
}

function assertP(p: number): void {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`the p-value is ${p}, expected a number from 0 to 1`);
}
