import { isActive, type ActiveState, type DefinedState, type StartedState } from '../state.js';

/** Why a command can't be obeyed in the present state. Trying again does not help; what would is in the message. */
export type RefusalCode =
  | 'unknown-experiment'
  | 'already-ended'
  | 'still-active'
  | 'not-paused'
  | 'already-paused'
  | 'not-started'
  | 'nothing-to-approve'
  | 'no-canary-stage'
  | 'promotion-needs-one-candidate';

export class DecisionRefusedError extends Error {
  override readonly name = 'DecisionRefusedError';
  constructor(
    readonly code: RefusalCode,
    message: string,
  ) {
    super(message);
  }
}

/** The state, where the revision can still be operated; a refusal that says why not otherwise. */
export function activeOrRefuse(state: DefinedState, wanted: string): ActiveState {
  if (isActive(state)) return state;
  if (state.phase !== 'draft') throw hasEnded(state, wanted);
  throw new DecisionRefusedError(
    'not-started',
    `${state.experiment} revision ${state.revision} waits for the approval of its first stage: it can't ${wanted} yet`,
  );
}

export function hasEnded(state: StartedState, wanted: string): DecisionRefusedError {
  return new DecisionRefusedError(
    'already-ended',
    `${state.experiment} revision ${state.revision} is ${state.phase}: it can't ${wanted} any more; a new attempt or a changed specification starts a new revision`,
  );
}
