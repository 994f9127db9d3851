import { MILLION, type ExperimentSpec, type Guardrail } from '#libs/contracts';
import type { DeliveryEvent } from '../events.js';
import type { Define } from '../inputs.js';
import { isActive, type DefinedState, type DeliveryState } from '../state.js';
import { phaseInWords } from '../words/phase.js';
import { changePolicy } from './change-policy.js';
import { DecisionRefusedError, newAttemptCall } from './refusal.js';
import { beginRevision } from './revision.js';
import { isSameGuardrail, specChanges, type SpecChanges, type Specified } from './spec-changes.js';

/**
 * Takes a specification. The same one again changes nothing. Where only the policy differs the revision goes on under it, with its units and its
 * evidence; any other difference, in a fingerprint above all, makes a new revision, which starts at its first stage without evidence. An ended
 * revision does not go on: whatever differs makes a new one.
 */
export function defineExperiment(state: DeliveryState, input: Define): readonly DeliveryEvent[] {
  refuseFullStart(input.spec);
  if (state.phase === 'absent') return beginRevision(state, input, 1);
  const isOpen = state.phase === 'draft' || isActive(state);
  if (isSame(state, input)) {
    if (isOpen) return [];
    throw new DecisionRefusedError(
      'already-ended',
      `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)} and the specification has not changed; change it, or start a new attempt: ${newAttemptCall(state.experiment)}`,
    );
  }
  const { treatment, policy } = specChanges(state, input);
  if (isOpen && treatment.length === 0) return changePolicy(state, input, policy);
  return beginRevision(state, { ...input, changes: [...treatment, ...policy] }, state.revision + 1);
}

function isSame(state: DefinedState, input: Define): boolean {
  if (input.file !== undefined && input.file === state.file) return true;
  const asked: Specified = { spec: withDefaultsOf(state.spec, input.spec), fingerprints: input.fingerprints };
  const { treatment, policy }: SpecChanges = specChanges(state, asked);
  return treatment.length + policy.length === 0;
}

/**
 * The specification with those default guardrails and floors, as they were, that the present one has: what a newer version guards by default
 * comes with the next change of the file and does not take a running experiment its evidence. An own guardrail that gave way to an equal default
 * is the same one.
 */
function withDefaultsOf(present: ExperimentSpec, asked: ExperimentSpec): ExperimentSpec {
  const guardrails = asked.guardrails.flatMap((guardrail) => {
    const had = present.guardrails.find(({ metric }) => metric === guardrail.metric);
    if (guardrail.byDefault !== true) return [had && isOfBeforeFloors(had, guardrail) ? had : guardrail];
    return had && (had.byDefault === true || isSameGuardrail(had, guardrail)) ? [had] : [];
  });
  return { ...asked, guardrails };
}

/** The same guardrail of a revision that has no floor, since there were none when it began. */
function isOfBeforeFloors(had: Guardrail, { margin, rollbackOn }: Guardrail): boolean {
  const { kind, value, floor } = had.margin;
  return (
    kind === 'relative' &&
    floor === undefined &&
    margin.kind === kind &&
    margin.value === value &&
    had.rollbackOn === rollbackOn
  );
}

function refuseFullStart(spec: ExperimentSpec): void {
  if (spec.ramp.stages[0]?.weightPpm !== MILLION) return;
  throw new DecisionRefusedError(
    'no-canary-stage',
    `The first stage of ${spec.key} is 100 %: ${spec.kind === 'ab' ? 'the test would begin with its largest shares' : 'everybody would get the candidate'} before anything is known; expected a smaller first stage`,
  );
}
