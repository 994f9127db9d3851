import { stageWeightPpm } from '../allocation.js';
import { commandEvidence, CONTROLLER, controllerCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed, Tick } from '../inputs.js';
import type { HeldState, RunningState } from '../state.js';
import { duration, percent } from '../words/numbers.js';
import { causesInWords, holdMessage } from '../words/trust.js';
import { unmeasurableGuardrails } from './guardrail-proof.js';
import { limitInWords } from '../words/limit.js';
import { limitsBeyond } from './limits.js';
import { holdCausesOf, isCleared } from './hold-causes.js';

/** Holds the ramp while the numbers cannot be trusted. The shares stay; proven harm still rolls back. */
export function holdUntrusted(state: RunningState, input: Analysed): readonly DeliveryEvent[] {
  const { analysis, atMs } = input;
  const causes = holdCausesOf(state.spec, analysis);
  if (causes.length === 0) return [];
  const command = controllerCommand(state, input, {
    command: 'pause',
    stage: state.stage,
    weightsPpm: state.weightsPpm,
    reason: 'health-hold',
    message: holdMessage(causes, analysis.health, {
      unmeasurable: unmeasurableGuardrails(state.spec, analysis),
      beyond: limitsBeyond(state.spec, analysis).map((metric) => limitInWords(metric, 'candidate', metric.candidate)),
    }),
    terminal: false,
    evidence: commandEvidence(analysis, null, null),
  });
  return [{ type: 'held', atMs, actor: CONTROLLER, command, causes: [...causes] }];
}

/** Lets a held ramp go on when the analysis shows that every cause of the hold is gone and no new one has come. */
export function releaseHold(state: HeldState, input: Analysed): readonly DeliveryEvent[] {
  const { analysis, atMs } = input;
  if (holdCausesOf(state.spec, analysis).length > 0) return [];
  if (!state.causes.every((cause) => isCleared(cause, state.spec, analysis))) return [];
  const command = controllerCommand(state, input, {
    command: 'resume',
    stage: state.stage,
    weightsPpm: state.weightsPpm,
    reason: 'health-recovered',
    message: `The numbers can be trusted again, after a hold because of ${causesInWords(state.causes)}. The ramp goes on at ${percent(stageWeightPpm(state.spec, state.stage))}.`,
    terminal: false,
    evidence: commandEvidence(analysis, null, null),
  });
  return [{ type: 'recovered', atMs, actor: CONTROLLER, command }];
}

/** Holds when an analysis is expected and none has arrived for too long. */
export function holdForSilence(state: RunningState, input: Tick): readonly DeliveryEvent[] {
  if (input.lastAnalysedAtMs === null) return [];
  const silentMs = input.atMs - Math.max(input.lastAnalysedAtMs, state.stageStartedAtMs);
  if (silentMs < input.analysisSilentAfterMs) return [];
  const command = controllerCommand(state, input, {
    command: 'pause',
    stage: state.stage,
    weightsPpm: state.weightsPpm,
    reason: 'health-hold',
    message: `Cannot judge the candidate: no analysis has arrived for ${duration(silentMs)}. The shares stay as they are until one arrives.`,
    terminal: false,
    evidence: null,
  });
  return [{ type: 'held', atMs: input.atMs, actor: CONTROLLER, command, causes: ['analysis-silent'] }];
}
