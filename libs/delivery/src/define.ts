import { MILLION, type ExperimentDefined, type ExperimentSpec } from '#libs/contracts';
import { servesCandidates, stageWeights } from './allocation.js';
import { commandOf } from './command.js';
import type { DeliveryEvent } from './events.js';
import { evolve } from './evolve.js';
import type { Define, Operate } from './inputs.js';
import { because, percent } from './messages.js';
import { DecisionRefusedError } from './refusal.js';
import { isActive, type DefinedState, type DeliveryState, type Draft } from './state.js';

/**
 * A specification arrives. The same one again changes nothing; anything that differs, a fingerprint above all, is a new revision, which starts
 * at its first stage with no evidence.
 */
export function define(state: DeliveryState, input: Define): readonly DeliveryEvent[] {
  refuseFullStart(input.spec);
  if (state.phase === 'absent') return begin(state, input, 1);
  if (!isSame(state, input)) return begin(state, input, state.revision + 1);
  if (state.phase === 'draft' || isActive(state)) return [];
  throw new DecisionRefusedError(
    'already-ended',
    `${state.experiment} revision ${state.revision} is ${state.phase} and the specification has not changed; change it, or ask for a new attempt`,
  );
}

/** The same specification once more, on purpose: a new revision without the evidence of the old one. */
export function newAttempt(state: DefinedState, input: Operate): readonly DeliveryEvent[] {
  if (state.phase === 'promoted') {
    throw new DecisionRefusedError(
      'already-ended',
      `${state.experiment} revision ${state.revision} was promoted: there is nothing to attempt again; roll it back first`,
    );
  }
  if (state.phase === 'draft' || isActive(state)) {
    throw new DecisionRefusedError(
      'still-active',
      `${state.experiment} revision ${state.revision} is ${state.phase}: roll it back or let it end before a new attempt`,
    );
  }
  return begin(state, { ...input, spec: state.spec, fingerprints: state.fingerprints }, state.revision + 1);
}

/** The start command of the first stage. */
export function start(
  state: Draft,
  { atMs, commandId, actor }: { readonly atMs: number; readonly commandId: string; readonly actor: string },
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

type Beginning = Pick<Define, 'atMs' | 'commandId' | 'actor' | 'note' | 'spec' | 'fingerprints'>;

function begin(state: DeliveryState, input: Beginning, revision: number): readonly DeliveryEvent[] {
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
  return [defined, start(evolve(state, defined) as Draft, input)];
}

function isSame(state: DefinedState, { spec, fingerprints }: Define): boolean {
  return canonical({ spec, fingerprints }) === canonical({ spec: state.spec, fingerprints: state.fingerprints });
}

/** JSON with sorted keys: equal exactly when the values are. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function refuseFullStart(spec: ExperimentSpec): void {
  if (spec.ramp.stages[0]?.weightPpm !== MILLION) return;
  throw new DecisionRefusedError(
    'no-canary-stage',
    `${spec.key}: the first stage of the ramp is 100 %, so everybody would have the candidate before anything is known; expected a smaller first stage`,
  );
}

/** A revision that waits for its approval orders nothing, so nothing may be running that only an order could end. */
function refuseOrphanedTraffic(state: DeliveryState): void {
  if (state.phase === 'absent' || state.phase === 'draft' || !servesCandidates(state.spec, state.weightsPpm)) return;
  throw new DecisionRefusedError(
    'still-active',
    `${state.experiment} revision ${state.revision} is ${state.phase} and serves a candidate, while the new revision would wait for an approval; roll the old one back first`,
  );
}
