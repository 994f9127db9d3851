import { commandOf, CONTROLLER } from './command.js';
import type { DeliveryEvent } from './events.js';
import type { Restarted, Tick } from './inputs.js';
import { duration } from './messages.js';
import { overdue } from './overdue.js';
import { isActive, type DeliveryState } from './state.js';

/**
 * What the passing of time leads to: the deadline, the end of a hold, or a hold because no analysis arrives any more. Minimum stage
 * times need no event of their own: no timer raises a share, the next analysis after it does.
 */
export function passTime(state: DeliveryState, input: Tick | Restarted): readonly DeliveryEvent[] {
  if (!isActive(state)) return [];
  const late = overdue(state, input);
  if (late.length > 0 || input.type === 'restarted' || state.phase !== 'running') return late;
  if (input.lastAnalysedAtMs === null) return [];
  const silentMs = input.atMs - Math.max(input.lastAnalysedAtMs, state.stageStartedAtMs);
  if (silentMs < input.analysisSilentAfterMs) return [];
  const command = commandOf(state, input, {
    command: 'pause',
    stage: state.stage,
    weightsPpm: state.weightsPpm,
    reason: 'health-hold',
    message: `No analysis has arrived for ${duration(silentMs)}: it can't be told how the candidate does. The share stays until it can.`,
    terminal: false,
    evidence: null,
    actor: CONTROLLER,
  });
  return [{ type: 'held', atMs: input.atMs, actor: CONTROLLER, command, causes: ['analysis-silent'] }];
}
