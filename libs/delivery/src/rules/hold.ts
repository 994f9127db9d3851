import type { ExperimentAnalysed } from '#libs/contracts';
import { asItIs, commandEvidence, CONTROLLER, controllerCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed, Tick } from '../inputs.js';
import { isInShadow, type HeldState, type RunningState } from '../state.js';
import { goesOnInWords, meanwhile } from '../words/shadow.js';
import { copiesExpected, unmeasurableByPairs } from './pairs.js';
import { judgedInWords } from '../words/judged.js';
import { duration } from '../words/numbers.js';
import { causesInWords, holdMessage, type HeldInWords } from '../words/trust.js';
import { unmeasurableGuardrails } from './guardrail-proof.js';
import { limitInWords } from '../words/limit.js';
import { limitsBeyond } from './limits.js';
import { holdCausesOf, isCleared } from './hold-causes.js';

/** Holds the ramp while the numbers cannot be trusted. The shares stay; proven harm still rolls back. */
export function holdUntrusted(state: RunningState, input: Analysed): readonly DeliveryEvent[] {
  const { analysis, atMs } = input;
  const causes = holdCausesOf(state, analysis);
  if (causes.length === 0) return [];
  const command = controllerCommand(state, input, {
    command: 'pause',
    ...asItIs(state),
    reason: 'health-hold',
    message: holdMessage(causes, analysis.health, namedIn(state, analysis)),
    terminal: false,
    evidence: commandEvidence(analysis, null, null),
  });
  return [{ type: 'held', atMs, actor: CONTROLLER, command, causes: [...causes] }];
}

/** Lets a held ramp go on when the analysis shows that every cause of the hold is gone and no new one has come. */
export function releaseHold(state: HeldState, input: Analysed): readonly DeliveryEvent[] {
  const { analysis, atMs } = input;
  if (holdCausesOf(state, analysis).length > 0) return [];
  if (!state.causes.every((cause) => isCleared(cause, state.spec, analysis))) return [];
  const command = controllerCommand(state, input, {
    command: 'resume',
    ...asItIs(state),
    reason: 'health-recovered',
    message: `The numbers can be trusted again, after a hold because of ${causesInWords(state.causes)}. ${goesOnInWords(state)}`,
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
    ...asItIs(state),
    reason: 'health-hold',
    message: `Cannot judge ${judgedInWords(state.spec)}: no analysis has arrived for ${duration(silentMs)}. ${meanwhile(state)} until one arrives.`,
    terminal: false,
    evidence: null,
  });
  return [{ type: 'held', atMs: input.atMs, actor: CONTROLLER, command, causes: ['analysis-silent'] }];
}

/** What the causes of a hold are about, by name. */
function namedIn(state: RunningState, analysis: ExperimentAnalysed): HeldInWords {
  const { spec } = state;
  const judged = judgedInWords(spec);
  if (isInShadow(state)) {
    return {
      judged,
      unmeasurable: unmeasurableByPairs(spec, analysis),
      beyond: [],
      copies: copiesExpected(spec, analysis),
      meanwhile: meanwhile(state),
    };
  }
  return {
    judged,
    unmeasurable: unmeasurableGuardrails(spec, analysis),
    beyond: limitsBeyond(spec, analysis).map((metric) => limitInWords(metric, 'candidate', metric.candidate)),
  };
}
