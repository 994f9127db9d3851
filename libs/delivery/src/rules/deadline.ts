import type { ExperimentSpec, RampStage } from '#libs/contracts';
import { controlOnly, servesCandidates } from '../allocation.js';
import { weightsInstead } from './broken-control.js';
import { CONTROLLER, controllerCommand, type CommandIdentity } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import { judgedInWords } from '../words/judged.js';
import { duration } from '../words/numbers.js';
import { causesInWords } from '../words/trust.js';
import type { RunClock } from '../outlook.js';
import type { ActiveState, DeliveryState } from '../state.js';
import { isActive } from '../state.js';

/** When time alone will change the state, ms since 1970; null when it will not. An ended revision has no timers. */
export function nextTimerAtMs(state: DeliveryState): number | null {
  if (!isActive(state)) return null;
  const deadline = deadlineAtMs(state);
  return deadline === null ? null : Math.min(deadline, holdEndsAtMs(state));
}

/**
 * When the revision ends without a verdict, in whatever stage it is; ms since 1970. Null while an operator has paused it: the clock
 * stands still, and goes on with what was left.
 */
export function deadlineAtMs(state: ActiveState): number | null {
  return state.phase === 'paused' ? null : state.startedAtMs + state.pausedMs + deadlineMsIn(state.spec, state.stage);
}

/** How long a revision may run, once it is in a stage of its ramp: the time of a bake comes on top, since what bakes was proven in time. */
export function deadlineMsIn({ deadlineMs, ramp }: ExperimentSpec, stage: number): number {
  return deadlineMs + bakeMs(ramp.stages[stage]);
}

function bakeMs(stage: RampStage | undefined): number {
  return stage?.bake === true ? stage.atLeastMs : 0;
}

/** How long a revision has run without its pauses, and how long it may still run. */
export function runClockOf(state: ActiveState, atMs: number): RunClock {
  const nowMs = state.phase === 'paused' ? state.pausedAtMs : atMs;
  const elapsedMs = Math.max(0, nowMs - state.startedAtMs - state.pausedMs);
  return { elapsedMs, leftMs: Math.max(0, deadlineMsIn(state.spec, state.stage) - elapsedMs) };
}

/** Ends a revision that is past its deadline or has been held too long. Time alone never raises a share. */
export function endOverdue(state: ActiveState, input: CommandIdentity): readonly DeliveryEvent[] {
  const deadline = deadlineAtMs(state);
  if (deadline !== null && input.atMs >= deadline) {
    const pauses = state.pausedMs === 0 ? '' : `, ${duration(state.pausedMs)} of pauses not counted`;
    const baked = bakeMs(state.spec.ramp.stages[state.stage]);
    const bake = baked === 0 ? '' : `, ${duration(baked)} of its bake not counted`;
    const why = `No verdict by the deadline, ${duration(state.spec.deadlineMs)} after the start${pauses}${bake}.`;
    return conclude(state, input, 'deadline', why);
  }
  if (state.phase === 'held' && input.atMs >= holdEndsAtMs(state)) {
    const whom = judgedInWords(state.spec).replace(/^the/, 'The');
    const held = `${whom} could not be judged: held for ${duration(state.spec.holdAtMostMs)} because of ${causesInWords(state.causes)}.`;
    return conclude(state, input, 'inconclusive', held);
  }
  return [];
}

function holdEndsAtMs(state: ActiveState): number {
  return state.phase === 'held' ? state.heldAtMs + state.spec.holdAtMostMs : Infinity;
}

function conclude(
  state: ActiveState,
  input: CommandIdentity,
  reason: 'deadline' | 'inconclusive',
  why: string,
): readonly DeliveryEvent[] {
  const { spec } = state;
  const instead = weightsInstead(state);
  const keeps = spec.onInconclusive === 'hold' && servesCandidates(spec, state.weightsPpm);
  const command = controllerCommand(state, input, {
    command: 'conclude',
    stage: state.stage,
    weightsPpm: instead?.weightsPpm ?? (keeps ? state.weightsPpm : controlOnly(spec)),
    reason,
    message: `${why} Inconclusive: ${instead?.why ?? (keeps ? 'the shares stay as they are' : `all traffic goes to ${spec.control}`)}.`,
    terminal: true,
    evidence: null,
  });
  return [{ type: 'concluded', atMs: input.atMs, actor: CONTROLLER, command, outcome: 'inconclusive', winner: null }];
}
