/** The weights that a canary is given, percent: a list of its own, or equal steps up to the largest. */
export type FlaggerWeights =
  | { readonly stepWeights: readonly number[] }
  | { readonly stepWeight: number; readonly maxWeight: number };

/**
 * The sequence of weights, percent; the last step is cut at the largest weight.
 *
 * Docs: docs.flagger.app/usage/how-it-works (canary analysis) and …/deployment-strategies: `interval · (maxWeight / stepWeight)` is the least time.
 */
export function flaggerSequence(weights: FlaggerWeights): readonly number[] {
  if ('stepWeights' in weights) return weights.stepWeights;
  const { stepWeight, maxWeight } = weights;
  return Array.from({ length: Math.ceil(maxWeight / stepWeight) }, (_, step) =>
    Math.min(maxWeight, (step + 1) * stepWeight),
  );
}

export interface FlaggerState {
  /** Percent of the traffic. */
  readonly weight: number;
  /** Steps of the sequence that have been taken. */
  readonly steps: number;
  readonly failedChecks: number;
  readonly decision: 'rollback' | 'promote' | 'undecided';
}

/** The first weight is given before anything is checked. */
export function flaggerStart(sequence: readonly number[]): FlaggerState {
  return { weight: sequence[0] ?? 0, steps: 1, failedChecks: 0, decision: 'undecided' };
}

/**
 * What a check at the end of an interval leads to: one that fails keeps the weight, and so many failed ones, in a row or not, send everybody back; one that
 * passes gives the next weight, and promotes at the last. Docs: as above (gated canary promotion stages).
 */
export function flaggerCheck(
  state: FlaggerState,
  passed: boolean,
  { sequence, threshold }: { readonly sequence: readonly number[]; readonly threshold: number },
): FlaggerState {
  if (state.decision !== 'undecided') return state;
  if (!passed) {
    const failedChecks = state.failedChecks + 1;
    return failedChecks >= threshold
      ? { ...state, weight: 0, failedChecks, decision: 'rollback' }
      : { ...state, failedChecks };
  }
  const next = sequence[state.steps];
  if (next === undefined) return { ...state, weight: 100, decision: 'promote' };
  return { ...state, weight: next, steps: state.steps + 1 };
}
