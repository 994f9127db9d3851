import { candidatesOf, type ExperimentDefined, type ExperimentSpec } from '#libs/contracts';
import { controlOnly, servesCandidates, shadowCopies, stageWeights } from '../allocation.js';
import { commandOf, type CommandIdentity, type CommandOrder } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import type { Define } from '../inputs.js';
import type { DeliveryState, DraftState } from '../state.js';
import { number, percent } from '../words/numbers.js';
import { because } from '../words/quote.js';
import { phaseInWords } from '../words/phase.js';
import { askGates, gatesBeforeStart, mayStart } from '../rules/gates.js';
import { DecisionRefusedError } from './refusal.js';

type Beginning = Pick<Define, 'atMs' | 'commandId' | 'actor' | 'note' | 'spec' | 'fingerprints' | 'file'> & {
  /** What differs from the revision before. */
  readonly changes?: readonly string[];
};

/** A new revision, without evidence; it starts at once, unless its first stage needs an approval or has gates before it. */
export function beginRevision(state: DeliveryState, input: Beginning, revision: number): readonly DeliveryEvent[] {
  const { atMs, actor, note, file, changes } = input;
  const definition = definitionToTell(input, revision);
  const defined: DeliveryEvent = {
    type: 'defined',
    atMs,
    actor,
    definition,
    note: `revision ${revision} by ${actor}${because(note)}`,
    ...(changes === undefined ? {} : { changes: [...changes] }),
    ...(file === undefined ? {} : { file }),
  };
  const events = startOrWait(state, defined, input);
  if (events.at(-1)?.type !== 'started') refuseOrphanedTraffic(state);
  return events;
}

/** What everybody is told of a revision. */
export function definitionToTell(
  { atMs, actor, spec, fingerprints }: Pick<Beginning, 'atMs' | 'actor' | 'spec' | 'fingerprints'>,
  revision: number,
): ExperimentDefined {
  return {
    experiment: spec.key,
    revision,
    spec,
    fingerprints: { ...fingerprints },
    definedAt: new Date(atMs).toISOString(),
    definedBy: actor,
  };
}

type Starting = CommandIdentity & { readonly actor: string };

/** What has happened, and what follows for a draft: it starts where it waits for nothing, else gates that nobody has asked yet are asked. */
export function startOrWait(state: DeliveryState, happened: DeliveryEvent, by: Starting): readonly DeliveryEvent[] {
  const after = evolve(state, happened);
  if (after.phase !== 'draft') return [happened];
  if (mayStart(after)) return [happened, startRevision(after, by)];
  return [happened, ...askGates(after, gatesBeforeStart(after.spec), by.atMs)];
}

/** The start command: of the shadow, or of the first stage. */
function startRevision(state: DraftState, { atMs, commandId, actor }: Starting): DeliveryEvent {
  const { spec, revision } = state;
  const command = commandOf(
    state,
    { atMs, commandId },
    {
      command: 'start',
      stage: 0,
      ...beginning(spec),
      reason: 'started',
      message: `Revision ${revision} starts${beginningInWords(spec)}`,
      terminal: false,
      evidence: null,
      actor,
    },
  );
  return { type: 'started', atMs, actor, command };
}

/** What is served first: control alone where there is a shadow, which gets copies. */
function beginning(spec: ExperimentSpec): Pick<CommandOrder, 'weightsPpm' | 'shadow'> {
  const shadow = shadowCopies(spec);
  return shadow === undefined ? { weightsPpm: stageWeights(spec, 0) } : { weightsPpm: controlOnly(spec), shadow };
}

function beginningInWords(spec: ExperimentSpec): string {
  const { shadow, control } = spec;
  if (shadow !== undefined) {
    return ` in the shadow: ${control} serves everybody, and copies of ${percent(shadow.ratePpm)} of its requests go to ${candidatesOf(spec).join(', ')}, until ${number(shadow.pairs)} pairs are judged.${shadow.only ? ' That is all: no share of the traffic follows.' : ''}`;
  }
  const shares = Object.entries(stageWeights(spec, 0)).filter(([name]) => name !== control);
  return `: ${shares.map(([name, weightPpm]) => `${percent(weightPpm)} to ${name}`).join(', ')}, the rest to ${control}.`;
}

function refuseOrphanedTraffic(state: DeliveryState): void {
  if (state.phase === 'absent' || state.phase === 'draft' || !servesCandidates(state.spec, state.weightsPpm)) return;
  throw new DecisionRefusedError(
    'still-active',
    `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)} and serves a candidate, but the new revision would wait for an approval or a gate; roll the old one back first`,
  );
}
