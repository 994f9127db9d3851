/** How much each component of a test weighs in the proof that the candidate is not worse by a margin; every list adds up to 1. */
export interface ProofWeights {
  /** By fraction of the largest bet, as {@link BET_FRACTIONS}. */
  readonly bets: readonly number[];
  /** By tilt, as {@link TILTS}. */
  readonly tilts: readonly number[];
}

/**
 * Of the margin itself. An equal candidate is proven soonest by bets of a fifth to two fifths of the largest one, and by tilts of a third
 * to three quarters (the ln of the ratio that has to be excluded); the rest keeps what is not equal from taking for ever.
 */
const WHOLE_PROOF: ProofWeights = {
  bets: [0.01, 0.04, 0.15, 0.35, 0.25, 0.1, 0.1],
  tilts: [0.02, 0.05, 0.2, 0.25, 0.19, 0.1, 0.08, 0.11],
};

/**
 * Of the step to a share w of the traffic, which excludes harm of margin ÷ w: so much that an equal candidate is far from it, and
 * what excludes it soonest are the largest bets and tilts.
 */
const STEP_PROOF: ProofWeights = {
  bets: [0.01, 0.01, 0.02, 0.04, 0.12, 0.25, 0.55],
  tilts: [0.005, 0.01, 0.015, 0.03, 0.09, 0.15, 0.25, 0.45],
};

/**
 * Of such a step by pairs. What takes longest there are rates and tails of which a pair in twenty or fewer says something: of those the
 * middle bets and the largest tilt.
 */
const PAIRED_STEP_PROOF: ProofWeights = {
  bets: [0.01, 0.01, 0.03, 0.08, 0.27, 0.4, 0.2],
  tilts: [0.005, 0.005, 0.01, 0.02, 0.04, 0.09, 0.18, 0.65],
};

/** {@link proofWeights} for pairs of shadow traffic. */
export function pairedProofWeights(share: number): ProofWeights {
  return share < 1 ? PAIRED_STEP_PROOF : WHOLE_PROOF;
}

/**
 * Weights of the mixture that opens a share of the traffic; at 1 it is the proof of the margin itself. Found by search over the whole
 * rule: equal weights cost every proof ln 7 or ln 8, an eighth of the requests that an equal candidate needs. Any weights that add up
 * to 1 and were chosen beforehand make an e-process (a mean of e-processes in one filtration: Vovk & Wang, Ann. Statist. 49, 2021).
 */
export function proofWeights(share: number): ProofWeights {
  return share < 1 ? STEP_PROOF : WHOLE_PROOF;
}
