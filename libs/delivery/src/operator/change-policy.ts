import type { DeliveryEvent } from '../events.js';
import type { Define } from '../inputs.js';
import { isInShadow, type DefinedState } from '../state.js';
import { lapsedInWords } from '../words/applied.js';
import { because } from '../words/quote.js';
import { definitionToTell, startOrWait } from './revision.js';

/** The revision goes on under another policy. A draft that waits for nothing any more starts. */
export function changePolicy(state: DefinedState, input: Define, changes: readonly string[]): readonly DeliveryEvent[] {
  const { atMs, actor, note, file } = input;
  const lapsed = lapsedBy(state, input);
  const definition = { ...definitionToTell(input, state.revision), policy: state.policy + 1 };
  const changed: DeliveryEvent = {
    type: 'policy-changed',
    atMs,
    actor,
    definition,
    note: `policy of revision ${state.revision} changed by ${actor}${because(note)}${lapsedInWords(lapsed, input.spec)}`,
    changes: [...changes],
    ...(file === undefined ? {} : { file }),
    ...(lapsed.length === 0 ? {} : { lapsed }),
  };
  return startOrWait(state, changed, input);
}

/** Stages ahead that somebody else had to approve, and has: what they have seen was another policy, of which the approval said nothing. */
function lapsedBy(state: DefinedState, { spec }: Define): number[] {
  const entered = state.phase === 'draft' || isInShadow(state) ? -1 : state.stage;
  const byAnother = (stage: number): boolean =>
    [state.spec, spec].some(({ ramp }) => ramp.stages[stage]?.approvedBy === 'another');
  return state.approvedStages.filter((stage) => stage > entered && byAnother(stage));
}
