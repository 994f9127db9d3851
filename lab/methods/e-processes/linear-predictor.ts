/** Coefficients are solved anew when the data have grown by this factor: often enough, and cheap per value. */
const GROWTH = 1.1;

/** A covariate whose spread beyond the others' is below this share of its own says nothing that they don't say. */
const COLLINEAR = 1e-9;

/**
 * Least squares of a value on covariates, online: predicts each value from those before it. Holds centred sums of products, so the
 * states of disjoint parts of the data can be merged, exactly commutatively and associatively up to rounding.
 *
 * Source: Welford 1962 and Chan, Golub, LeVeque 1983 for the sums; normal equations by Cholesky, covariates that others explain left
 * out. O(d²) per value and O(d³) each time the data have grown by a tenth.
 */
export interface LinearPredictor {
  n: number;
  mean: number;
  readonly means: Float64Array;
  /** Σ (x_i − mean)(x_j − mean), d × d by rows. */
  readonly products: Float64Array;
  /** Σ (x_i − mean)(y − mean). */
  readonly joint: Float64Array;
  readonly slopes: Float64Array;
  /** The n from which on the slopes are solved anew. */
  refreshAt: number;
}

export function initialLinearPredictor(covariates: number): LinearPredictor {
  return {
    n: 0,
    mean: 0,
    means: new Float64Array(covariates),
    products: new Float64Array(covariates * covariates),
    joint: new Float64Array(covariates),
    slopes: new Float64Array(covariates),
    refreshAt: firstSolution(covariates),
  };
}

/** What the value is expected to be; null while there is too little past, or where a covariate has no finite number. */
export function predict(state: LinearPredictor, covariates: ArrayLike<number>): number | null {
  assertCount(state, covariates);
  if (state.n < firstSolution(state.slopes.length)) return null;
  let prediction = state.mean;
  for (let i = 0; i < state.slopes.length; i++) {
    prediction += (state.slopes[i] as number) * ((covariates[i] as number) - (state.means[i] as number));
  }
  return Number.isFinite(prediction) ? prediction : null;
}

/** Standard deviation of the predictions of the values so far; 0 before there are slopes. O(d²). */
export function predictionSpread({ n, slopes, products }: LinearPredictor): number {
  const count = slopes.length;
  let square = 0;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      square += (slopes[i] as number) * (slopes[j] as number) * (products[i * count + j] as number);
    }
  }
  return n === 0 ? 0 : Math.sqrt(Math.max(0, square) / n);
}

/** Folds one value in, in place; one with a number that isn't finite is refused. @returns whether it was added. */
export function observeLinear(state: LinearPredictor, covariates: ArrayLike<number>, value: number): boolean {
  assertCount(state, covariates);
  if (!Number.isFinite(value)) return false;
  const { means, products, joint } = state;
  const count = means.length;
  for (let i = 0; i < count; i++) if (!Number.isFinite(covariates[i])) return false;
  const weight = state.n / (state.n + 1);
  const dy = value - state.mean;
  for (let i = 0; i < count; i++) {
    const dx = (covariates[i] as number) - (means[i] as number);
    joint[i] = (joint[i] as number) + weight * dx * dy;
    for (let j = 0; j < count; j++) {
      const other = (covariates[j] as number) - (means[j] as number);
      products[i * count + j] = (products[i * count + j] as number) + weight * dx * other;
    }
  }
  state.n += 1;
  state.mean += dy / state.n;
  for (let i = 0; i < count; i++) {
    means[i] = (means[i] as number) + ((covariates[i] as number) - (means[i] as number)) / state.n;
  }
  if (state.n >= state.refreshAt) refresh(state);
  return true;
}

export function mergeLinearPredictors(a: LinearPredictor, b: LinearPredictor): LinearPredictor {
  if (a.means.length !== b.means.length) {
    throw new RangeError(
      `can't merge predictors of ${a.means.length} and ${b.means.length} covariates: expected one number`,
    );
  }
  if (a.n === 0) return copyOf(b);
  if (b.n === 0) return copyOf(a);
  const count = a.means.length;
  const n = a.n + b.n;
  const weight = (a.n * b.n) / n;
  const dy = b.mean - a.mean;
  const dx = a.means.map((mean, i) => (b.means[i] as number) - mean);
  const merged: LinearPredictor = {
    n,
    mean: (a.n * a.mean + b.n * b.mean) / n,
    means: a.means.map((mean, i) => (a.n * mean + b.n * (b.means[i] as number)) / n),
    products: a.products.map(
      (sum, at) =>
        sum + (b.products[at] as number) + weight * (dx[Math.floor(at / count)] as number) * (dx[at % count] as number),
    ),
    joint: a.joint.map((sum, i) => sum + (b.joint[i] as number) + weight * (dx[i] as number) * dy),
    slopes: new Float64Array(count),
    refreshAt: firstSolution(count),
  };
  if (n >= merged.refreshAt) refresh(merged);
  return merged;
}

/** Several values per covariate, before their coefficients are worth anything. */
function firstSolution(covariates: number): number {
  return 20 + 10 * covariates;
}

function refresh(state: LinearPredictor): void {
  state.slopes.set(solve(state.products, state.joint, state.n));
  state.refreshAt = Math.ceil(GROWTH * state.n);
}

/** Solves (P + diag(P)/n) s = j by Cholesky; the ridge vanishes with the data and is the same in every unit of measurement. */
function solve(products: Float64Array, joint: Float64Array, n: number): Float64Array {
  const count = joint.length;
  const lower = new Float64Array(count * count);
  const forward = new Float64Array(count);
  const slopes = new Float64Array(count);
  const isUsed = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const own = products[i * count + i] as number;
    let pivot = own * (1 + 1 / n);
    let right = joint[i] as number;
    for (let j = 0; j < i; j++) {
      if (isUsed[j] === 0) continue;
      let sum = products[i * count + j] as number;
      for (let k = 0; k < j; k++) sum -= (lower[i * count + k] as number) * (lower[j * count + k] as number);
      const entry = sum / (lower[j * count + j] as number);
      lower[i * count + j] = entry;
      pivot -= entry * entry;
      right -= entry * (forward[j] as number);
    }
    if (!(pivot > COLLINEAR * own)) continue;
    isUsed[i] = 1;
    lower[i * count + i] = Math.sqrt(pivot);
    forward[i] = right / (lower[i * count + i] as number);
  }
  for (let i = count - 1; i >= 0; i--) {
    if (isUsed[i] === 0) continue;
    let sum = forward[i] as number;
    for (let k = i + 1; k < count; k++) sum -= (lower[k * count + i] as number) * (slopes[k] as number);
    slopes[i] = sum / (lower[i * count + i] as number);
  }
  return slopes;
}

function copyOf(state: LinearPredictor): LinearPredictor {
  return {
    ...state,
    means: state.means.slice(),
    products: state.products.slice(),
    joint: state.joint.slice(),
    slopes: state.slopes.slice(),
  };
}

function assertCount(state: LinearPredictor, covariates: ArrayLike<number>): void {
  if (covariates.length !== state.means.length) {
    throw new RangeError(`${covariates.length} covariates: expected ${state.means.length}`);
  }
}
