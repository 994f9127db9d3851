import { allocationApplied } from '#libs/contracts';
import { STATE_FORM, type DefinedState } from '#libs/delivery';
import type { StoredExperiment } from '#libs/persistence/decision';

/** The state that was saved with the newest decision; undefined where it is of another form, and then only the log tells it. */
export function readStoredState({ key, state, stateForm }: StoredExperiment): DefinedState | undefined {
  if (stateForm !== STATE_FORM || state === null || typeof state !== 'object') return undefined;
  const defined = state as DefinedState;
  return defined.experiment === key ? defined : undefined;
}

/** The state with what routers have answered since: answers are no decisions and lie beside the log. */
export function withAnswers(state: DefinedState, answers: readonly unknown[]): DefinedState {
  if (state.phase === 'draft') return state;
  const acknowledgements = { ...state.acknowledgements };
  for (const answer of answers) {
    const applied = allocationApplied.safeParse(answer).data;
    if (applied?.experiment !== state.experiment || applied.revision !== state.revision) continue;
    if ((acknowledgements[applied.router]?.epoch ?? 0) <= applied.epoch) acknowledgements[applied.router] = applied;
  }
  return { ...state, acknowledgements };
}
