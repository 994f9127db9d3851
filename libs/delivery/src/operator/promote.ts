import { candidatesOf } from '#libs/contracts';
import { onlyVariant } from '../allocation.js';
import { operatorCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Operate } from '../inputs.js';
import { inRace, isInShadow, type ActiveState, type DefinedState } from '../state.js';
import { because } from '../words/quote.js';
import { activeOrRefuse, DecisionRefusedError } from './refusal.js';

/** Gives a candidate all traffic without waiting for the proof: the one that is named, or the only one. */
export function promoteCandidate(defined: DefinedState, input: Operate): readonly DeliveryEvent[] {
  const state = activeOrRefuse(defined, 'promoted');
  if (isInShadow(state)) {
    throw new DecisionRefusedError(
      'in-shadow',
      `${state.experiment} is in its shadow: nobody has been served by a candidate yet, and all traffic does not begin with somebody's word. To begin with the ramp at once, apply the file without "shadow"`,
    );
  }
  const candidate = chosen(inRace(state), input.variant);
  const command = operatorCommand(state, input, {
    command: 'promote',
    weightsPpm: onlyVariant(state.spec, candidate),
    message: `${input.variant === undefined ? 'Promoted' : `${candidate} promoted`} by ${input.actor} without waiting for the proof${because(input.note)}`,
    terminal: true,
    stage: state.spec.ramp.stages.length - 1,
  });
  return [{ type: 'promoted', atMs: input.atMs, actor: input.actor, command }];
}

function chosen({ spec, experiment, dropped = [] }: ActiveState, wanted: string | undefined): string {
  const candidates = candidatesOf(spec);
  const [only] = candidates;
  if (wanted === undefined && only !== undefined && candidates.length === 1) return only;
  if (wanted !== undefined && candidates.includes(wanted)) return wanted;
  if (wanted === undefined) {
    throw new DecisionRefusedError(
      'promotion-needs-one-candidate',
      `${experiment} has ${candidates.length} candidates: say which with {"variant": "…"}, one of ${candidates.join(', ')}`,
    );
  }
  if (dropped.includes(wanted)) {
    throw new DecisionRefusedError(
      'variant-is-harmful',
      `${wanted} of ${experiment} was proven harmful and has been dropped: expected one of ${candidates.join(', ')}`,
    );
  }
  throw new DecisionRefusedError(
    'unknown-variant',
    `${experiment} has no candidate "${wanted}": expected one of ${candidates.join(', ')}`,
  );
}
