import type { DeliveryEvent } from '../events.js';
import type { Define } from '../inputs.js';
import type { DefinedState } from '../state.js';
import { because } from '../words/quote.js';
import { definitionToTell, startOrWait } from './revision.js';

/** The revision goes on under another policy. A draft that waits for nothing any more starts. */
export function changePolicy(state: DefinedState, input: Define, changes: readonly string[]): readonly DeliveryEvent[] {
  const { atMs, actor, note, file } = input;
  const definition = { ...definitionToTell(input, state.revision), policy: state.policy + 1 };
  const changed: DeliveryEvent = {
    type: 'policy-changed',
    atMs,
    actor,
    definition,
    note: `policy of revision ${state.revision} changed by ${actor}${because(note)}`,
    changes: [...changes],
    ...(file === undefined ? {} : { file }),
  };
  return startOrWait(state, changed, input);
}
