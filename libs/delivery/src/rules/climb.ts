import { MILLION, type ExperimentAnalysed, type ExperimentSpec } from '#libs/contracts';
import { onlyVariant, provenForPpm, stageWeightPpm, stageWeights, topStage } from '../allocation.js';
import { controllerCommand, commandEvidence, CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import type { RunningState } from '../state.js';
import { approvedByGates } from '../words/gates.js';
import { percent } from '../words/numbers.js';
import { weakestMessage } from '../words/proof.js';
import { bakingInWords } from '../words/bake.js';
import { awaitedInWords, isApproved, judgementsInWords } from './approval.js';
import { askGates, closedGates, gatesOf } from './gates.js';
import { proofForShare, type ShareProof } from './guardrail-proof.js';

/** Raises the share as high as the damage budget, the stage's own conditions and the approvals allow. */
export function climb(state: RunningState, input: Analysed): readonly DeliveryEvent[] {
  if (!isStageDone(state, input)) return [];
  const behind = closedGates(state, gatesOf(state.spec, state.stage, 'after'));
  if (behind.length > 0) return askGates(state, behind, input.atMs);
  const next = nextProvenStage(state, input.analysis);
  if (!next) return [];
  const { stage, proof } = next;
  if (!isApproved(state, stage, input.analysis)) return awaitApproval(state, input, stage);
  const ahead = closedGates(state, gatesOf(state.spec, stage, 'before'));
  if (ahead.length > 0) return askGates(state, ahead, input.atMs);
  return proof === null ? enterUnguarded(state, input, stage) : enter(state, input, stage, proof);
}

/**
 * Whether the present stage has lasted its minimum time and seen its minimum units. An analysis from before the routers served the stage
 * does not count: each step up needs evidence that the step before was taken.
 */
function isStageDone(state: RunningState, { analysis, atMs }: Analysed): boolean {
  const stage = state.spec.ramp.stages[state.stage];
  if (!stage || analysis.epoch < state.stageEpoch) return false;
  return atMs - state.stageStartedAtMs >= stage.atLeastMs && analysis.unitsInStage >= stage.atLeastUnits;
}

/** `explicit` ramps are climbed stage by stage; `auto` goes to the highest stage that is proven already. */
function nextProvenStage(
  { spec, stage }: RunningState,
  analysis: ExperimentAnalysed,
): { readonly stage: number; readonly proof: ShareProof | null } | undefined {
  const top = topStage(spec);
  const highest = spec.ramp.kind === 'auto' ? (bakeOnTheWay(spec, stage) ?? top) : Math.min(top, stage + 1);
  // A test that guards nothing has nothing to prove: its stages' own conditions are all.
  if (spec.kind === 'ab' && spec.guardrails.length === 0)
    return highest > stage ? { stage: highest, proof: null } : undefined;
  for (let candidate = highest; candidate > stage; candidate -= 1) {
    const proof = proofForShare(spec, analysis, provenForPpm(spec, candidate));
    if (proof) return { stage: candidate, proof };
  }
  return undefined;
}

/** No ramp leaves its bake out. */
function bakeOnTheWay({ ramp: { stages } }: ExperimentSpec, stage: number): number | undefined {
  const bake = stages.findIndex((one) => one.bake === true);
  return bake > stage ? bake : undefined;
}

/** Who lets the ramp go on, beside the proofs. */
function goAheadsInWords(state: RunningState, { analysis }: Analysed, stage: number): string {
  const { spec } = state;
  const gates = [...gatesOf(spec, state.stage, 'after'), ...gatesOf(spec, stage, 'before')];
  return `${judgementsInWords(state, stage, analysis)}${approvedByGates(gates)}`;
}

function awaitApproval(state: RunningState, { atMs, analysis }: Analysed, stage: number): readonly DeliveryEvent[] {
  if (state.awaitsApprovalOf === stage) return [];
  const { spec } = state;
  const message = `Everything that ${percent(stageWeightPpm(spec, stage))} takes is proven. The ramp waits for ${awaitedInWords(spec, stage, analysis)}.`;
  return [{ type: 'approval-awaited', atMs, actor: CONTROLLER, stage, message }];
}

function enterUnguarded(state: RunningState, input: Analysed, stage: number): readonly DeliveryEvent[] {
  const { spec } = state;
  const command = controllerCommand(state, input, {
    command: 'advance',
    stage,
    weightsPpm: stageWeights(spec, stage),
    reason: 'started',
    message: `On to ${percent(stageWeightPpm(spec, stage))}: the test has no guardrails, and the stage before has lasted as long as it was to.${goAheadsInWords(state, input, stage)}`,
    terminal: false,
    evidence: commandEvidence(input.analysis, null, null),
  });
  return [{ type: 'advanced', atMs: input.atMs, actor: CONTROLLER, command }];
}

function enter(state: RunningState, input: Analysed, stage: number, proof: ShareProof): readonly DeliveryEvent[] {
  const { spec } = state;
  const sharePpm = stageWeightPpm(spec, stage);
  const { weakest, lnE } = proof;
  const bakes = spec.ramp.stages[stage]?.bake === true;
  const hardest = `${weakestMessage(proof, spec, input.analysis.alpha)}${goAheadsInWords(state, input, stage)}`;
  const evidence = commandEvidence(input.analysis, weakest, lnE);
  if (spec.kind === 'canary' && sharePpm === MILLION) {
    const command = controllerCommand(state, input, {
      command: 'promote',
      stage,
      weightsPpm: onlyVariant(spec, weakest.candidate),
      reason: 'all-guardrails-non-inferior',
      message: `Promoted: every guardrail is proven to stay within its margin. ${hardest}`,
      terminal: true,
      evidence,
    });
    return [{ type: 'promoted', atMs: input.atMs, actor: CONTROLLER, command }];
  }
  const command = controllerCommand(state, input, {
    command: 'advance',
    stage,
    weightsPpm: stageWeights(spec, stage),
    reason: 'budget-proven',
    message: `On to ${percent(sharePpm)}: every guardrail is proven to stay within its margin${bakes ? `. ${bakingInWords(spec)}` : ` ÷ ${percent(sharePpm)}.`} ${hardest}`,
    terminal: false,
    evidence,
  });
  return [{ type: 'advanced', atMs: input.atMs, actor: CONTROLLER, command }];
}
