/** ln Σ exp(x). −∞ for an empty list. Never overflows: the largest term is taken out first. O(n). */
export function logSumExp(values: ArrayLike<number>): number {
  let largest = -Infinity;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i] as number);
  if (largest === -Infinity || largest === Infinity) return largest;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp((values[i] as number) - largest);
  return largest + Math.log(sum);
}

/** ln of the mean of exp(x): the mixture of e-processes that are kept as logarithms. O(n). */
export function logMeanExp(values: ArrayLike<number>): number {
  return logSumExp(values) - Math.log(values.length);
}

/** ln(1 − exp(x)) for x ≤ 0 without loss at either end (Mächler, "Accurately computing log(1 − exp(−|a|))", 2012). */
export function logOneMinusExp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}
