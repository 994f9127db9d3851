/** Sums and sums of products of several values per unit. */
export interface SumsOfProducts {
  readonly n: number;
  readonly sums: readonly number[];
  /** Entry [i][j]: Σ over units of value i times value j; symmetric. */
  readonly products: readonly (readonly number[])[];
}

/** Sample covariance matrix, divisor n − 1; zero for fewer than two units. */
export function covarianceOfSums({ n, sums, products }: SumsOfProducts): number[][] {
  return products.map((row, i) =>
    row.map((product, j) => (n < 2 ? 0 : (product - ((sums[i] as number) * (sums[j] as number)) / n) / (n - 1))),
  );
}

/** gᵀ Σ g: the variance of the combination g of values with covariance Σ. */
export function quadraticForm(covariance: readonly (readonly number[])[], gradient: readonly number[]): number {
  return bilinearForm(covariance, gradient, gradient);
}

/** gᵀ Σ h: the covariance of two combinations. */
export function bilinearForm(
  covariance: readonly (readonly number[])[],
  left: readonly number[],
  right: readonly number[],
): number {
  return covariance.reduce(
    (sum, row, i) =>
      sum + (left[i] as number) * row.reduce((inner, entry, j) => inner + entry * (right[j] as number), 0),
    0,
  );
}
