import type { ExperimentDefined } from '#libs/contracts';
import { servesCandidates, stageWeights } from '../allocation.js';
import { commandOf, type CommandIdentity } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import type { Define } from '../inputs.js';
import type { DeliveryState, DraftState } from '../state.js';
import { percent } from '../words/numbers.js';
import { because } from '../words/quote.js';
import { phaseInWords } from '../words/phase.js';
import { DecisionRefusedError } from './refusal.js';

type Beginning = Pick<Define, 'atMs' | 'commandId' | 'actor' | 'note' | 'spec' | 'fingerprints'>;

/** A new revision, without evidence; it starts at once, unless its first stage needs an approval. */
export function beginRevision(state: DeliveryState, input: Beginning, revision: number): readonly DeliveryEvent[] {
  const { atMs, actor, spec, fingerprints, note } = input;
  const definition: ExperimentDefined = {
    experiment: spec.key,
    revision,
    spec,
    fingerprints: { ...fingerprints },
    definedAt: new Date(atMs).toISOString(),
    definedBy: actor,
  };
  const defined: DeliveryEvent = {
    type: 'defined',
    atMs,
    actor,
    definition,
    note: `revision ${revision} by ${actor}${because(note)}`,
  };
  if (spec.ramp.stages[0]?.approval === 'required') {
    refuseOrphanedTraffic(state);
    return [defined];
  }
  return [defined, startRevision(evolve(state, defined) as DraftState, input)];
}

/** The start command of the first stage. */
export function startRevision(
  state: DraftState,
  { atMs, commandId, actor }: CommandIdentity & { readonly actor: string },
): DeliveryEvent {
  const { spec } = state;
  const shares = Object.entries(stageWeights(spec, 0)).filter(([name]) => name !== spec.control);
  const command = commandOf(
    state,
    { atMs, commandId },
    {
      command: 'start',
      stage: 0,
      weightsPpm: stageWeights(spec, 0),
      reason: 'started',
      message: `Revision ${state.revision} starts: ${shares.map(([name, weightPpm]) => `${percent(weightPpm)} to ${name}`).join(', ')}, the rest to ${spec.control}.`,
      terminal: false,
      evidence: null,
      actor,
    },
  );
  return { type: 'started', atMs, actor, command };
}

function refuseOrphanedTraffic(state: DeliveryState): void {
  if (state.phase === 'absent' || state.phase === 'draft' || !servesCandidates(state.spec, state.weightsPpm)) return;
  throw new DecisionRefusedError(
    'still-active',
    `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)} and serves a candidate, but the new revision would wait for an approval; roll the old one back first`,
  );
}
