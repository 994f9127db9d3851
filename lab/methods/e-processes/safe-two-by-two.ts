/** A block: this many trials of either variant, complete before it counts. */
export interface BlockDesign {
  readonly control: number;
  readonly candidate: number;
  /** Beta priors of the two success rates, [successes, failures]. */
  readonly controlPrior: readonly [number, number];
  readonly candidatePrior: readonly [number, number];
}

/** The prior weight whose e-process grows fastest in the worst case (Turner, Ly, Grünwald 2021), spread over the block's ratio. */
const PRIOR = 0.18;

/** A block design with the default priors. Both sizes are integers ≥ 1. */
export function blockDesign(control: number, candidate: number): BlockDesign {
  for (const size of [control, candidate]) {
    if (!(Number.isInteger(size) && size >= 1)) throw new RangeError(`block of ${size} trials: expected at least 1`);
  }
  const weight = (candidate / control) * PRIOR;
  return { control, candidate, controlPrior: [PRIOR, PRIOR], candidatePrior: [weight, weight] };
}

/**
 * Safe test of a 2×2 table, block by block: are two success rates the same? Exact at every n, without a propensity, for data
 * that come in complete blocks of fixed sizes (paired batches, shadow traffic); while traffic is drawn unit by unit the tilt
 * and betting use every unit at once.
 *
 * Per block the likelihood at the rates expected from the past blocks is divided by the one at their weighted mean θ₀, the null closest
 * to them: `Π θ_C^{y_C}(1−θ_C)^{n_C−y_C} θ_T^{y_T}(1−θ_T)^{n_T−y_T} / (θ₀^{y}(1−θ₀)^{n−y})`.
 * Source: Turner, Ly, Grünwald, arXiv 2106.02693. Assumption: the rate, whatever it is, does not change within
 * a block under the null.
 *
 * States of disjoint parts of the data can be merged: each part learns from its own past.
 */
export interface SafeTwoByTwo {
  blocks: number;
  controlSuccesses: number;
  candidateSuccesses: number;
  lnE: number;
}

export function initialSafeTwoByTwo(): SafeTwoByTwo {
  return { blocks: 0, controlSuccesses: 0, candidateSuccesses: 0, lnE: 0 };
}

/** Folds one complete block in, in place: the successes of either variant in it. */
export function observeBlock(state: SafeTwoByTwo, design: BlockDesign, control: number, candidate: number): void {
  assertSuccesses(control, design.control);
  assertSuccesses(candidate, design.candidate);
  const { blocks } = state;
  const controlRate = posteriorRate(design.controlPrior, state.controlSuccesses, blocks * design.control);
  const candidateRate = posteriorRate(design.candidatePrior, state.candidateSuccesses, blocks * design.candidate);
  const size = design.control + design.candidate;
  const nullRate = (design.control * controlRate + design.candidate * candidateRate) / size;
  state.lnE +=
    lnLikelihood(controlRate, control, design.control) +
    lnLikelihood(candidateRate, candidate, design.candidate) -
    lnLikelihood(nullRate, control + candidate, size);
  state.blocks += 1;
  state.controlSuccesses += control;
  state.candidateSuccesses += candidate;
}

/** The evidence of two disjoint parts of the data. Commutative. */
export function mergeSafeTwoByTwo(a: SafeTwoByTwo, b: SafeTwoByTwo): SafeTwoByTwo {
  return {
    blocks: a.blocks + b.blocks,
    controlSuccesses: a.controlSuccesses + b.controlSuccesses,
    candidateSuccesses: a.candidateSuccesses + b.candidateSuccesses,
    lnE: a.lnE + b.lnE,
  };
}

/** Strictly between 0 and 1, because the priors are positive: no block can have probability 0. */
function posteriorRate([successes, failures]: readonly [number, number], seen: number, trials: number): number {
  return (successes + seen) / (successes + failures + trials);
}

function lnLikelihood(rate: number, successes: number, trials: number): number {
  return successes * Math.log(rate) + (trials - successes) * Math.log1p(-rate);
}

function assertSuccesses(successes: number, trials: number): void {
  if (!(Number.isInteger(successes) && successes >= 0 && successes <= trials)) {
    throw new RangeError(`${successes} successes in a block of ${trials}: expected an integer from 0 to ${trials}`);
  }
}
