/** Largest change of a log-strength at which the iteration has arrived, and the steps it is given. */
const ARRIVED = 1e-13;
const MOST_STEPS = 20_000;

/** How strong each variant is, from pairwise votes. */
export type BradleyTerry =
  | {
      readonly missing: null;
      /** ln strengths with mean 0: P(i is preferred to j) = 1/(1 + exp(s_j − s_i)). */
      readonly strengths: readonly number[];
      /** Of the mean-zero log-strengths, from the curvature of the (penalised) log-likelihood. */
      readonly standardErrors: readonly number[];
      /** Covariance of the log-strengths; the variance of s_i − s_j is c_ii + c_jj − 2c_ij. */
      readonly covariance: readonly (readonly number[])[];
      /** Without the penalty. */
      readonly lnLikelihood: number;
    }
  | {
      /**
       * - `not-enough-data`: no votes at all.
       * - `not-connected`: without a ridge some group of variants never lost to the others (or never met them), so that no finite
       *   strengths fit best (Ford's condition).
       * - `no-convergence`: the likelihood is so flat that the steps didn't suffice.
       */
      readonly missing: 'not-enough-data' | 'not-connected' | 'no-convergence';
    };

/**
 * Bradley–Terry strengths of two or more variants by maximum likelihood, with a ridge (ridge/2)·Σ s² that is subtracted from the
 * log-likelihood; 0 for none. A small ridge (0.1, say) gives finite answers where a variant won or lost everything, and shrinks the
 * others a little towards equality.
 *
 * @param wins `wins[i][j]`: votes that preferred i to j, ties dropped, one per rater and prompt. The diagonal is ignored.
 *
 * Source: MM algorithm, Hunter, Ann. Stat. 32 (2004), eq. 3 and 10; the penalty joins each variant's own term of the surrogate, which
 * is then maximised by Newton's method. Existence: Ford, Amer. Math. Monthly 64 (1957). Standard errors: inverse of the Hessian
 * on the mean-zero subspace. Assumptions: one strength per variant explains all pairs, independent votes. For reports: fixed-horizon, it
 * decides nothing. O(k²) per step, O(k³) at the end.
 */
export function bradleyTerry(wins: readonly (readonly number[])[], ridge = 0): BradleyTerry {
  expectWins(wins);
  if (!(ridge >= 0 && Number.isFinite(ridge))) throw new RangeError(`ridge ${ridge}: expected a number from 0 on`);
  const pairs = meetings(wins);
  if (pairs.every((row) => row.every((count) => count === 0))) return { missing: 'not-enough-data' };
  if (ridge === 0 && !isStronglyConnected(wins)) return { missing: 'not-connected' };
  const strengths = maximise(wins, pairs, ridge);
  if (strengths === null) return { missing: 'no-convergence' };
  const covariance = covarianceOf(strengths, pairs, ridge);
  return {
    missing: null,
    strengths,
    standardErrors: covariance.map((row, i) => Math.sqrt(row[i] as number)),
    covariance,
    lnLikelihood: bradleyTerryLnLikelihood(wins, strengths),
  };
}

/** ln-likelihood of strengths (logarithms): Σ wins[i][j]·ln P(i is preferred to j). O(k²). */
export function bradleyTerryLnLikelihood(wins: readonly (readonly number[])[], strengths: readonly number[]): number {
  expectWins(wins);
  if (strengths.length !== wins.length) {
    throw new RangeError(`${strengths.length} strengths of ${wins.length} variants: expected one each`);
  }
  let sum = 0;
  wins.forEach((row, i) =>
    row.forEach((count, j) => {
      if (i !== j && count > 0) sum -= count * softplus((strengths[j] as number) - (strengths[i] as number));
    }),
  );
  return sum;
}

/** MM steps, one variant after another, until none of them moves; null if they don't arrive. */
function maximise(
  wins: readonly (readonly number[])[],
  pairs: readonly (readonly number[])[],
  ridge: number,
): number[] | null {
  const won = wins.map((row, i) => row.reduce((sum, count, j) => (i === j ? sum : sum + count), 0));
  let strengths = won.map(() => 0);
  for (let step = 0; step < MOST_STEPS; step++) {
    const moved = [...strengths];
    for (let i = 0; i < moved.length; i++) {
      // Σ_j n_ij/(π_i + π_j), times π_i so that only differences of logarithms are exponentiated.
      let expected = 0;
      for (let j = 0; j < moved.length; j++) {
        expected += ((pairs[i] as number[])[j] as number) / (1 + Math.exp((moved[j] as number) - (moved[i] as number)));
      }
      if (expected > 0 || ridge > 0) moved[i] = surrogateTop(moved[i] as number, won[i] as number, expected, ridge);
    }
    const centre = moved.reduce((sum, value) => sum + value, 0) / moved.length;
    const centred = moved.map((value) => value - centre);
    const change = Math.max(...centred.map((value, i) => Math.abs(value - (strengths[i] as number))));
    strengths = centred;
    if (change < ARRIVED) return strengths;
  }
  return null;
}

/** The s that maximises won·s − expected·e^{s − from} − ridge·s²/2, a concave function. */
function surrogateTop(from: number, won: number, expected: number, ridge: number): number {
  if (ridge === 0) return from + Math.log(won / expected);
  let s = from;
  for (let step = 0; step < 50; step++) {
    const growth = expected * Math.exp(s - from);
    // Newton overshoots where the exponential is still small, so no step is longer than 1.
    const newton = (won - growth - ridge * s) / (growth + ridge);
    const change = Math.min(1, Math.max(-1, newton));
    s += change;
    if (Math.abs(change) < ARRIVED) break;
  }
  return s;
}

/** (H + J/k)⁻¹ − J/k with J all ones: the inverse of the curvature H on vectors of mean 0. */
function covarianceOf(strengths: readonly number[], pairs: readonly (readonly number[])[], ridge: number): number[][] {
  const k = strengths.length;
  const curvature = strengths.map(() => strengths.map(() => 1 / k));
  for (let i = 0; i < k; i++) {
    (curvature[i] as number[])[i] = 1 / k + ridge;
  }
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < i; j++) {
      const p = 1 / (1 + Math.exp((strengths[j] as number) - (strengths[i] as number)));
      const information = ((pairs[i] as number[])[j] as number) * p * (1 - p);
      add(curvature, i, i, information);
      add(curvature, j, j, information);
      add(curvature, i, j, -information);
      add(curvature, j, i, -information);
    }
  }
  // The mean direction's own eigenvalue is 1 + ridge.
  const ofMean = 1 / (k * (1 + ridge));
  return inverse(curvature).map((row) => row.map((value) => value - ofMean));
}

function add(matrix: number[][], i: number, j: number, value: number): void {
  const row = matrix[i] as number[];
  row[j] = (row[j] as number) + value;
}

/** Of a positive definite matrix, by Gauss–Jordan elimination; no pivoting is needed. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const k = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < k; column++) {
    const pivotRow = rows[column] as number[];
    const pivot = pivotRow[column] as number;
    for (let j = 0; j < 2 * k; j++) pivotRow[j] = (pivotRow[j] as number) / pivot;
    for (let i = 0; i < k; i++) {
      const row = rows[i] as number[];
      const factor = row[column] as number;
      if (i === column || factor === 0) continue;
      for (let j = 0; j < 2 * k; j++) row[j] = (row[j] as number) - factor * (pivotRow[j] as number);
    }
  }
  return rows.map((row) => row.slice(k));
}

/** Ford's condition: from every variant every other can be reached along wins. */
function isStronglyConnected(wins: readonly (readonly number[])[]): boolean {
  const everyone = wins.length;
  const beats = (i: number, j: number): boolean => i !== j && ((wins[i] as number[])[j] as number) > 0;
  return reach(everyone, beats) === everyone && reach(everyone, (i, j) => beats(j, i)) === everyone;
}

function reach(k: number, leads: (i: number, j: number) => boolean): number {
  const reached = new Set([0]);
  for (const i of reached) for (let j = 0; j < k; j++) if (leads(i, j)) reached.add(j);
  return reached.size;
}

function meetings(wins: readonly (readonly number[])[]): number[][] {
  return wins.map((row, i) => row.map((count, j) => (i === j ? 0 : count + ((wins[j] as number[])[i] as number))));
}

function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

function expectWins(wins: readonly (readonly number[])[]): void {
  if (wins.length < 2) throw new RangeError(`${wins.length} variants: expected at least two`);
  for (const row of wins) {
    if (row.length !== wins.length) throw new RangeError(`a row of ${row.length} counts: expected ${wins.length}`);
    for (const count of row) {
      if (!(count >= 0 && Number.isFinite(count))) throw new RangeError(`${count} wins: expected a number from 0 on`);
    }
  }
}
