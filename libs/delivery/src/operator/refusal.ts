import { isActive, type ActiveState, type DefinedState, type StartedState } from '../state.js';
import { phaseInWords } from '../words/phase.js';

/** Why a command cannot be obeyed in the present state. Trying again does not help; the message says what would. */
export type RefusalCode =
  | 'unknown-experiment'
  | 'already-ended'
  | 'still-active'
  | 'not-paused'
  | 'already-paused'
  | 'not-started'
  | 'in-shadow'
  | 'nothing-to-approve'
  | 'own-approval'
  | 'no-canary-stage'
  | 'promotion-needs-one-candidate'
  | 'unknown-variant'
  | 'service-paused'
  | 'service-drained'
  | 'service-deleted'
  | 'variant-is-harmful'
  | 'last-candidate'
  | 'service-is-fixed'
  | 'slot-taken'
  | 'route-taken'
  | 'slot-is-fixed'
  | 'unknown-slot'
  | 'slots-overlap'
  | 'other-unit'
  | 'tried-in-another-slot'
  | 'others-run'
  | 'control-is-not-the-baseline'
  | 'fingerprint-latched'
  | 'not-served-any-more'
  | 'unknown-service'
  | 'nothing-to-retry';

export class DecisionRefusedError extends Error {
  override readonly name = 'DecisionRefusedError';
  constructor(
    readonly code: RefusalCode,
    message: string,
  ) {
    super(message);
  }
}

/** What was asked for. */
type Wanted = 'approved' | 'paused' | 'resumed' | 'promoted' | 'changed';

/** The state, where the revision can still be operated; otherwise a refusal that says why. */
export function activeOrRefuse(state: DefinedState, wanted: Wanted): ActiveState {
  if (isActive(state)) return state;
  if (state.phase !== 'draft') throw hasEnded(state, wanted);
  throw new DecisionRefusedError(
    'not-started',
    `${state.experiment} revision ${state.revision} has not started yet and cannot be ${wanted}`,
  );
}

export function hasEnded(state: StartedState, wanted: Wanted): DecisionRefusedError {
  return new DecisionRefusedError(
    'already-ended',
    `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)} and cannot be ${wanted} any more; a changed specification or a new attempt starts a new revision: ${newAttemptCall(state.experiment)}`,
  );
}

/** How an operator starts a new attempt. */
export function newAttemptCall(experiment: string): string {
  return `POST /v1/experiments/${experiment}/new-attempt with {"reason": "…"}`;
}
