import type { Embedding } from '#libs/statistics';

/** 2/(2 − ln 3), the step of the online Newton method for bets up to ½ (Cutkosky & Orabona 2018). */
const STEP = 2 / (2 - Math.log(3));
const LARGEST_BET = 0.5;

/**
 * Sequential kernel two-sample test on pairs of embeddings, one of either variant (shadow traffic, or units matched in the order they
 * come): do both variants' pictures follow the same law? Every kind of difference counts that the kernel can see.
 *
 * The payoff of pair t is `F_t = (ĝ_t(X_t) − ĝ_t(Y_t))/2` with the witness ĝ_t = mean k(X_i, ·) − mean k(Y_i, ·) over the pairs before it,
 * |F_t| ≤ 1; wealth is Π(1 + λ_t F_t) with bets λ_t ∈ [0, ½] by the online Newton step, so it stays positive.
 * Source: Shekhar & Ramdas, IEEE Trans. Inf. Theory 70(2), 2024 (arXiv 2112.09162). Assumption: under the null X_t and
 * Y_t are exchangeable given the past. The payoff is not divided by its running maximum, which could let wealth become negative.
 *
 * Keeps all embeddings, O(t) kernel evaluations per pair, and can't be merged: for a study, or for the first thousands; the witness
 * tilt streams.
 */
export interface KernelBetting {
  readonly control: Embedding[];
  readonly candidate: Embedding[];
  bet: number;
  /** 1 + Σ of the squared gradients. */
  curvature: number;
  lnE: number;
}

export function initialKernelBetting(): KernelBetting {
  return { control: [], candidate: [], bet: 0, curvature: 1, lnE: 0 };
}

/**
 * Folds one pair in, in place.
 * @param kernel symmetric, values in [0, 1], fixed before the first pair.
 * @returns the payoff F of the pair, in [−1, 1]; 0 for the first one, of which there is no past.
 */
export function betOnPair(
  state: KernelBetting,
  kernel: (a: Embedding, b: Embedding) => number,
  control: Embedding,
  candidate: Embedding,
): number {
  const payoff = (witness(state, kernel, candidate) - witness(state, kernel, control)) / 2;
  if (!(payoff >= -1 && payoff <= 1)) {
    throw new RangeError(`payoff ${payoff}: expected a kernel with values between 0 and 1`);
  }
  const factor = 1 + state.bet * payoff;
  state.lnE += Math.log(factor);
  const gradient = payoff / factor;
  state.curvature += gradient * gradient;
  state.bet = Math.min(LARGEST_BET, Math.max(0, state.bet + (STEP * gradient) / state.curvature));
  state.control.push(control);
  state.candidate.push(candidate);
  return payoff;
}

/** How much more similar a picture is to the candidate's past ones than to control's. */
function witness(state: KernelBetting, kernel: (a: Embedding, b: Embedding) => number, embedding: Embedding): number {
  const pairs = state.control.length;
  if (pairs === 0) return 0;
  let sum = 0;
  for (let i = 0; i < pairs; i++) {
    sum += kernel(state.candidate[i] as Embedding, embedding) - kernel(state.control[i] as Embedding, embedding);
  }
  return sum / pairs;
}
