import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import { isActive, type DefinedState } from '../state.js';
import { phaseInWords } from '../words/phase.js';
import { DecisionRefusedError } from './refusal.js';
import { beginRevision } from './revision.js';

/** Starts the same specification again, on purpose: a new revision without the old one's evidence. */
export function beginNewAttempt(state: DefinedState, input: Operate): readonly DeliveryEvent[] {
  if (state.phase === 'promoted') {
    throw new DecisionRefusedError(
      'already-ended',
      `${state.experiment} revision ${state.revision} was promoted; roll it back before a new attempt`,
    );
  }
  if (state.phase === 'draft' || isActive(state)) {
    throw new DecisionRefusedError(
      'still-active',
      `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)}; roll it back or let it end before a new attempt`,
    );
  }
  const { spec, fingerprints, file } = state;
  return beginRevision(state, { ...input, spec, fingerprints, file }, state.revision + 1);
}
