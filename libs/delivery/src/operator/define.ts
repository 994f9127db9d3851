import { MILLION, type ExperimentSpec } from '#libs/contracts';
import type { DeliveryEvent } from '../events.js';
import type { Define } from '../inputs.js';
import { isActive, type DefinedState, type DeliveryState } from '../state.js';
import { phaseInWords } from '../words/phase.js';
import { DecisionRefusedError, newAttemptCall } from './refusal.js';
import { beginRevision } from './revision.js';

/**
 * Takes a specification. The same one again changes nothing; any difference, in a fingerprint above all, makes a new revision, which
 * starts at its first stage without evidence.
 */
export function defineExperiment(state: DeliveryState, input: Define): readonly DeliveryEvent[] {
  refuseFullStart(input.spec);
  if (state.phase === 'absent') return beginRevision(state, input, 1);
  if (!isSame(state, input)) return beginRevision(state, input, state.revision + 1);
  if (state.phase === 'draft' || isActive(state)) return [];
  throw new DecisionRefusedError(
    'already-ended',
    `${state.experiment} revision ${state.revision} ${phaseInWords(state.phase)} and the specification has not changed; change it, or start a new attempt: ${newAttemptCall(state.experiment)}`,
  );
}

function isSame(state: DefinedState, { spec, fingerprints }: Define): boolean {
  const asked = { spec: withDefaultsOf(state.spec, spec), fingerprints };
  return canonical(asked) === canonical({ spec: state.spec, fingerprints: state.fingerprints });
}

/**
 * The specification with those default guardrails, as they were, that the present one has: what a newer version guards by default comes
 * with the next change of the file and does not take a running experiment its evidence.
 */
function withDefaultsOf(present: ExperimentSpec, asked: ExperimentSpec): ExperimentSpec {
  const guardrails = asked.guardrails.flatMap((guardrail) => {
    if (guardrail.byDefault !== true) return [guardrail];
    const had = present.guardrails.find(({ metric }) => metric === guardrail.metric);
    return had?.byDefault === true ? [had] : [];
  });
  return { ...asked, guardrails };
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
    `The first stage of ${spec.key} is 100 %: everybody would get the candidate before anything is known; expected a smaller first stage`,
  );
}
