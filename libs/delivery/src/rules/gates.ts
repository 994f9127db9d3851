import type { ExperimentSpec } from '#libs/contracts';
import { waitsForApproval } from '../allocation.js';
import { CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import {
  isActive,
  isBeforeRamp,
  isSameGate,
  type AskedGate,
  type DefinedState,
  type DeliveryState,
  type DraftState,
  type Gate,
  type StartedState,
} from '../state.js';
import { gateAskedInWords } from '../words/gates.js';

/** What says which gates are open. */
type Gated = Pick<DefinedState, 'spec' | 'gates'>;

/** The gates of a stage. */
export function gatesOf({ ramp }: ExperimentSpec, stage: number, when: Gate['when']): readonly Gate[] {
  return (ramp.stages[stage]?.gates?.[when] ?? []).map((gate) => ({ stage, when, gate }));
}

/** Those of the gates that have not approved. */
export function closedGates({ gates = [] }: Gated, wanted: readonly Gate[]): readonly Gate[] {
  return wanted.filter((gate) => gates.find((asked) => isSameGate(asked, gate))?.answer !== 'approve');
}

/** Asks those of the gates that nobody has asked yet. */
export function askGates({ spec, gates = [] }: Gated, wanted: readonly Gate[], atMs: number): readonly DeliveryEvent[] {
  return wanted
    .filter((gate) => !gates.some((asked) => isSameGate(asked, gate)))
    .map((gate) => ({ type: 'gate-asked', atMs, actor: CONTROLLER, ...gate, message: gateAskedInWords(spec, gate) }));
}

/** Whether a draft may start: in the shadow nobody is served, so that one waits for nobody. */
export function mayStart(state: DraftState): boolean {
  const isApproved = !waitsForApproval(state.spec, state.approvedStages);
  return isApproved && closedGates(state, gatesBeforeStart(state.spec)).length === 0;
}

/** The gates that stand before anybody is served by a candidate. */
export function gatesBeforeStart(spec: ExperimentSpec): readonly Gate[] {
  return spec.shadow === undefined ? gatesOf(spec, 0, 'before') : [];
}

/** Gates that were asked and that the ramp waits for: they have not approved, the file still names them, and it has not gone past them. */
export function awaitedGates(state: DeliveryState): readonly AskedGate[] {
  if (state.phase === 'absent' || (state.phase !== 'draft' && !isActive(state))) return [];
  const isNamed = (asked: AskedGate): boolean =>
    gatesOf(state.spec, asked.stage, asked.when).some((gate) => isSameGate(gate, asked));
  return (state.gates ?? []).filter(
    (asked) => asked.answer !== 'approve' && isNamed(asked) && (state.phase === 'draft' || isAhead(state, asked)),
  );
}

/** An automatic ramp may pass over a stage while its gate is asked. */
function isAhead(state: StartedState, { stage, when }: Gate): boolean {
  if (isBeforeRamp(state)) return when === 'before';
  return when === 'before' ? stage > state.stage : stage === state.stage;
}

/** Gates that have to be asked: what they said last was not their last word. */
export function gatesToAsk(state: DeliveryState): readonly AskedGate[] {
  return awaitedGates(state).filter(({ answer }) => answer !== 'deny');
}
