import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import { isActive, type DefinedState } from '../state.js';
import { phaseInWords } from '../words/phase.js';
import { because } from '../words/quote.js';
import { DecisionRefusedError } from './refusal.js';

/** Takes what has ended, or was never started, out of the lists. */
export function archiveExperiment(state: DefinedState, { atMs, actor, note }: Operate): readonly DeliveryEvent[] {
  if (state.archived) return [];
  if (isActive(state)) {
    throw new DecisionRefusedError(
      'still-active',
      `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)}; roll it back or let it end before it is archived`,
    );
  }
  return [{ type: 'archived', atMs, actor, note: `archived by ${actor}${because(note)}` }];
}
