/** Steps of the implicit QR iteration per eigenvalue; two or three are usual. */
const MOST_STEPS = 60;

/**
 * Eigenvalues of a real symmetric matrix, falling. Only the lower triangle is read. O(n³): 4n³/3 for the reduction, then O(n²).
 *
 * Source: Golub & Van Loan, Matrix Computations (4th ed.), algorithms 8.3.1 (Householder tridiagonalisation) and 8.3.2 (implicit
 * QR step with Wilkinson's shift). Absolute error about 1e-15 times the largest eigenvalue times n.
 */
export function symmetricEigenvalues(matrix: readonly ArrayLike<number>[]): Float64Array {
  const n = matrix.length;
  const a = matrix.map((row, i) => {
    if (row.length !== n) throw new RangeError(`row ${i} has ${row.length} entries: expected ${n}, a square matrix`);
    return Float64Array.from(row);
  });
  const { diagonal, offDiagonal } = tridiagonal(a);
  diagonalise(diagonal, offDiagonal);
  return diagonal.sort().reverse();
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Entry i couples i and i + 1. */
  readonly offDiagonal: Float64Array;
}

/** Householder reflections from the left and the right, column by column; works in place on the lower triangle. */
function tridiagonal(a: readonly Float64Array[]): Tridiagonal {
  const n = a.length;
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  const at = (i: number, j: number): number => (i >= j ? a[i]?.[j] : a[j]?.[i]) as number;
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = at(k, k);
    const size = n - k - 1;
    const v = Float64Array.from({ length: size }, (_, i) => at(k + 1 + i, k));
    const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
    const first = v[0] as number;
    const image = first > 0 ? -length : length;
    offDiagonal[k] = size === 1 ? first : image;
    if (size === 1 || length === 0) continue;
    v[0] = first - image;
    const beta = 2 / v.reduce((sum, value) => sum + value * value, 0);
    if (!Number.isFinite(beta)) continue;
    const p = symmetricProduct(a, k + 1, v, beta);
    const half = (beta / 2) * p.reduce((sum, value, i) => sum + value * (v[i] as number), 0);
    for (let i = 0; i < size; i++) p[i] = (p[i] as number) - half * (v[i] as number);
    for (let i = 0; i < size; i++) {
      const row = a[k + 1 + i] as Float64Array;
      const vi = v[i] as number;
      const pi = p[i] as number;
      for (let j = 0; j <= i; j++) {
        row[k + 1 + j] = (row[k + 1 + j] as number) - vi * (p[j] as number) - pi * (v[j] as number);
      }
    }
  }
  if (n > 0) diagonal[n - 1] = at(n - 1, n - 1);
  return { diagonal, offDiagonal };
}

/** factor · A v for the part of A from row and column `from` on. */
function symmetricProduct(a: readonly Float64Array[], from: number, v: Float64Array, factor: number): Float64Array {
  const product = new Float64Array(v.length);
  for (let i = 0; i < v.length; i++) {
    const row = a[from + i] as Float64Array;
    const vi = v[i] as number;
    let sum = (row[from + i] as number) * vi;
    for (let j = 0; j < i; j++) {
      const entry = row[from + j] as number;
      sum += entry * (v[j] as number);
      product[j] = (product[j] as number) + entry * vi;
    }
    product[i] = (product[i] as number) + sum;
  }
  for (let i = 0; i < v.length; i++) product[i] = factor * (product[i] as number);
  return product;
}

/** Turns `d` into the eigenvalues, in place: the last unreduced block is shrunk until nothing couples any more. */
function diagonalise(d: Float64Array, e: Float64Array): void {
  let end = d.length - 1;
  let steps = 0;
  // Measured against the whole matrix: within a null space of rounding noise the neighbours set no scale.
  const negligible = Number.EPSILON * [...d, ...e].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  while (end > 0) {
    for (let i = 0; i < end; i++) if (Math.abs(e[i] as number) <= negligible) e[i] = 0;
    if (e[end - 1] === 0) {
      end -= 1;
      steps = 0;
      continue;
    }
    if (++steps > MOST_STEPS) throw new RangeError(`no convergence of eigenvalue ${end}: expected finite entries`);
    let start = end - 1;
    while (start > 0 && e[start - 1] !== 0) start -= 1;
    implicitStep(d, e, start, end);
  }
}

/** One chase of the bulge from `start` to `end`. */
function implicitStep(d: Float64Array, e: Float64Array, start: number, end: number): void {
  const last = d[end] as number;
  const coupling = e[end - 1] as number;
  const delta = ((d[end - 1] as number) - last) / 2;
  const sign = delta >= 0 ? 1 : -1;
  const shift = last - (coupling * coupling) / (delta + sign * Math.hypot(delta, coupling));
  let x = (d[start] as number) - shift;
  let z = e[start] as number;
  for (let k = start; k < end; k++) {
    const r = Math.hypot(x, z);
    const c = r === 0 ? 1 : x / r;
    const s = r === 0 ? 0 : -z / r;
    if (k > start) e[k - 1] = r;
    const a = d[k] as number;
    const b = e[k] as number;
    const g = d[k + 1] as number;
    d[k] = c * c * a - 2 * c * s * b + s * s * g;
    d[k + 1] = s * s * a + 2 * c * s * b + c * c * g;
    e[k] = c * s * (a - g) + (c * c - s * s) * b;
    if (k < end - 1) {
      const next = e[k + 1] as number;
      x = e[k] as number;
      z = -s * next;
      e[k + 1] = c * next;
    }
  }
}
