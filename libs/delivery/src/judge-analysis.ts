import { MILLION, type ExperimentAnalysed, type MetricAnalysis } from '#libs/contracts';
import { controlOnly, onlyVariant, servesCandidates, stageWeightPpm, stageWeights, topStage } from './allocation.js';
import { abConclusion } from './ab-conclusion.js';
import { commandOf, CONTROLLER, evidenceOf, type Order } from './command.js';
import type { DeliveryEvent } from './events.js';
import { harmfulGuardrail, proofForShare, unmeasurableGuardrails, type ShareProof } from './guardrails.js';
import { holdCausesOf, isCleared } from './health.js';
import type { Analysed } from './inputs.js';
import { harmMessage, healthMessage, percent, weakestMessage } from './messages.js';
import { overdue } from './overdue.js';
import { isActive, type ActiveState, type DeliveryState, type Held, type Running, type StartedState } from './state.js';

/**
 * What an analysis leads to. The order is the policy: harm before everything, then what is overdue, then whether the numbers can be
 * trusted, and only then whether the share may rise. An analysis of another revision says nothing about this one.
 */
export function judgeAnalysis(state: DeliveryState, input: Analysed): readonly DeliveryEvent[] {
  if (state.phase === 'absent' || state.phase === 'draft') return [];
  const { analysis } = input;
  if (analysis.experiment !== state.experiment || analysis.revision !== state.revision) return [];
  const harmful = harmfulGuardrail(state.spec, analysis);
  if (harmful) return leave(state, input, harmful);
  if (!isActive(state)) return [];
  const late = overdue(state, input);
  if (late.length > 0) return late;
  switch (state.phase) {
    case 'paused':
      return [];
    case 'held':
      return recover(state, input);
    case 'running':
      return judgeRunning(state, input);
    default:
      return state satisfies never;
  }
}

/**
 * Harm also ends what was promoted or concluded meanwhile (scores may come late, and operators may promote unproven): leaving is
 * possible once, and nothing comes back from it.
 */
function leave(state: StartedState, input: Analysed, harmful: MetricAnalysis): readonly DeliveryEvent[] {
  if (state.phase === 'rolled-back' || !servesCandidates(state.spec, state.weightsPpm)) return [];
  const { spec } = state;
  const anyHarm = spec.guardrails.some(
    ({ metric, rollbackOn }) => metric === harmful.metric && rollbackOn === 'any-harm',
  );
  const command = byEvidence(state, input, {
    command: 'rollback',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: 'harmful',
    message: harmMessage(harmful, input.analysis.alpha, anyHarm),
    terminal: true,
    evidence: evidenceOf(input.analysis, harmful, harmful.lnE?.harmful ?? null),
  });
  return [{ type: 'rolled-back', atMs: input.atMs, actor: CONTROLLER, command }, ...alarmForControl(state, input)];
}

/** Share of control's own requests that fail above which it is no safe harbour; people have to know. */
const BROKEN_ERROR_RATE = 0.5;

/** Control is preferred even when it is broken as well, but never silently. */
function alarmForControl(state: StartedState, { atMs, analysis }: Analysed): readonly DeliveryEvent[] {
  const errorRate = analysis.metrics.find(({ metric }) => metric === 'error-rate')?.estimate.control ?? null;
  if (errorRate === null || errorRate < BROKEN_ERROR_RATE) return [];
  const message = `Rolled back to ${state.spec.control}, but ${percent(errorRate * MILLION)} of its own requests fail: look at it now.`;
  return [{ type: 'alert-raised', atMs, actor: CONTROLLER, alert: 'control-unhealthy', message }];
}

function recover(state: Held, input: Analysed): readonly DeliveryEvent[] {
  const { analysis, atMs } = input;
  if (holdCausesOf(state.spec, analysis).length > 0) return [];
  if (!state.causes.every((cause) => isCleared(cause, analysis))) return [];
  const command = byEvidence(state, input, {
    command: 'resume',
    stage: state.stage,
    weightsPpm: state.weightsPpm,
    reason: 'health-recovered',
    message: `The numbers can be trusted again (held because of ${state.causes.join(', ')}); the ramp goes on at ${percent(stageWeightPpm(state.spec, state.stage))}.`,
    terminal: false,
    evidence: evidenceOf(analysis, null, null),
  });
  return [{ type: 'recovered', atMs, actor: CONTROLLER, command }];
}

function judgeRunning(state: Running, input: Analysed): readonly DeliveryEvent[] {
  const { analysis, atMs } = input;
  const causes = holdCausesOf(state.spec, analysis);
  if (causes.length > 0) {
    const command = byEvidence(state, input, {
      command: 'pause',
      stage: state.stage,
      weightsPpm: state.weightsPpm,
      reason: 'health-hold',
      message: healthMessage(causes, analysis.health, unmeasurableGuardrails(state.spec, analysis)),
      terminal: false,
      evidence: evidenceOf(analysis, null, null),
    });
    return [{ type: 'held', atMs, actor: CONTROLLER, command, causes: [...causes] }];
  }
  const concluded = abConclusion(state, input);
  if (concluded.length > 0) return concluded;
  return climb(state, input);
}

/** The ramp: as high as the damage budget, the stage's own conditions and the approvals allow. */
function climb(state: Running, input: Analysed): readonly DeliveryEvent[] {
  const { spec, stage } = state;
  if (!isStageDone(state, input)) return [];
  const next = nextProvenStage(state, input.analysis);
  if (!next) return [];
  const wanting = firstUnapproved(state, next.stage);
  if (wanting === stage + 1) return awaitApproval(state, input, wanting);
  const target = wanting === undefined ? next.stage : wanting - 1;
  const proof = target === next.stage ? next.proof : proofForShare(spec, input.analysis, stageWeightPpm(spec, target));
  if (!proof) return [];
  return enter(state, input, target, proof);
}

/**
 * Minimum time and units of the present stage. The analysis must have seen the stage at all: an analysis repeated or computed before the
 * routers obeyed ends nothing, so that every step up rests on the step before having really been taken.
 */
function isStageDone(state: Running, { analysis, atMs }: Analysed): boolean {
  const stage = state.spec.ramp.stages[state.stage];
  if (!stage || analysis.epoch < state.stageEpoch) return false;
  return atMs - state.stageStartedAtMs >= stage.atLeastMs && analysis.unitsInStage >= stage.atLeastUnits;
}

/** `explicit` ramps are climbed stage by stage; `auto` goes to the highest stage that is proven already. */
function nextProvenStage(
  { spec, stage }: Running,
  analysis: ExperimentAnalysed,
): { readonly stage: number; readonly proof: ShareProof } | undefined {
  const top = topStage(spec);
  const highest = spec.ramp.kind === 'auto' ? top : Math.min(top, stage + 1);
  for (let candidate = highest; candidate > stage; candidate -= 1) {
    const proof = proofForShare(spec, analysis, stageWeightPpm(spec, candidate));
    if (proof) return { stage: candidate, proof };
  }
  return undefined;
}

function firstUnapproved({ spec, stage, approvedStages }: ActiveState, target: number): number | undefined {
  for (let index = stage + 1; index <= target; index += 1) {
    if (spec.ramp.stages[index]?.approval === 'required' && !approvedStages.includes(index)) return index;
  }
  return undefined;
}

function awaitApproval(state: Running, { atMs }: Analysed, stage: number): readonly DeliveryEvent[] {
  if (state.awaitsApprovalOf === stage) return [];
  const message = `Everything for ${percent(stageWeightPpm(state.spec, stage))} is proven; it waits for an approval.`;
  return [{ type: 'approval-awaited', atMs, actor: CONTROLLER, stage, message }];
}

function enter(state: Running, input: Analysed, stage: number, { weakest, lnE }: ShareProof): readonly DeliveryEvent[] {
  const { spec } = state;
  const sharePpm = stageWeightPpm(spec, stage);
  const proof = weakestMessage(weakest, lnE, input.analysis.alpha);
  const evidence = evidenceOf(input.analysis, weakest, lnE);
  if (spec.kind === 'canary' && sharePpm === MILLION) {
    const command = byEvidence(state, input, {
      command: 'promote',
      stage,
      weightsPpm: onlyVariant(spec, weakest.candidate),
      reason: 'all-guardrails-non-inferior',
      message: `Promoted: every guardrail is proven to hold at its margin; ${proof}.`,
      terminal: true,
      evidence,
    });
    return [{ type: 'promoted', atMs: input.atMs, actor: CONTROLLER, command }];
  }
  const command = byEvidence(state, input, {
    command: 'advance',
    stage,
    weightsPpm: stageWeights(spec, stage),
    reason: 'budget-proven',
    message: `On to ${percent(sharePpm)}: every guardrail is proven non-inferior at margin ÷ ${percent(sharePpm)}; ${proof}.`,
    terminal: false,
    evidence,
  });
  return [{ type: 'advanced', atMs: input.atMs, actor: CONTROLLER, command }];
}

function byEvidence(state: StartedState, input: Analysed, order: Omit<Order, 'actor'>): ReturnType<typeof commandOf> {
  return commandOf(state, input, { ...order, actor: CONTROLLER });
}
