/** Why a command can't be obeyed in the present state. Trying again does not help; what would is in the message. */
export type RefusalCode =
  | 'unknown-experiment'
  | 'already-ended'
  | 'already-defined'
  | 'still-active'
  | 'not-active'
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
