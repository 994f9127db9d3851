import type { ExperimentAnalysed, ExperimentSpec } from '#libs/contracts';
import { controlOnly, stageWeightPpm, stageWeights } from '../allocation.js';
import { commandEvidence, CONTROLLER, controllerCommand, type CommandOrder } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import { isInShadow, type Gate, type RunningState, type StartedState } from '../state.js';
import { number, percent } from '../words/numbers.js';
import { harmMessage, weakestMessage } from '../words/proof.js';
import { awaitedInWords, isApproved } from './approval.js';
import { alarmForTarget } from './broken-control.js';
import { askGates, closedGates, gatesOf } from './gates.js';
import { answersToHarm } from './harm.js';
import { holdUntrusted } from './hold.js';
import {
  allowedByPairs,
  type AllowedByPairs,
  completePairs,
  harmfulByPairs,
  isShadowDone,
  type PairedJudgement,
} from './pairs.js';

/**
 * Harm that is proven by pairs rolls back: in the shadow, where nobody was served by the candidate, and afterwards as well, since scores of copies may
 * come late.
 */
export function rollBackHarmOfPairs(state: StartedState, input: Analysed): readonly DeliveryEvent[] {
  const { spec } = state;
  const harmful = harmfulByPairs(spec, input.analysis);
  const isUnseen = isInShadow(state);
  if (!harmful || !(isUnseen || answersToHarm(state))) return [];
  const { metric, pairs } = harmful;
  const where = isUnseen ? `Nobody was served by ${metric.candidate}.` : 'These are the pairs of its shadow.';
  const command = controllerCommand(state, input, {
    command: 'rollback',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: 'harmful',
    message: `${harmMessage(metric, spec, input.analysis.alpha, pairs)} ${where}`,
    terminal: true,
    evidence: evidenceOfPairs(input, harmful, metric.lnE?.harmful ?? null),
  });
  const rolledBack: DeliveryEvent = { type: 'rolled-back', atMs: input.atMs, actor: CONTROLLER, command };
  return [rolledBack, ...alarmForTarget(state, input.analysis, input.atMs)];
}

/** What an analysis leads to in the shadow where it shows no harm: the ramp begins with the share that the pairs allow, or the shadow was all. */
export function judgeShadow(state: RunningState, input: Analysed): readonly DeliveryEvent[] {
  const held = holdUntrusted(state, input);
  if (held.length > 0) return held;
  if (!isShadowDone(state.spec, input.analysis)) return [];
  const allowed = allowedByPairs(state.spec, input.analysis);
  if (state.spec.shadow?.only) return concludeShadow(state, input, allowed);
  const stage = highestOpen(state, input.analysis, allowed.stage);
  if (stage !== null) return beginRamp(state, input, { ...allowed, stage });
  if (!isApproved(state, 0, input.analysis)) return awaitFirstApproval(state, input);
  return askGates(state, closedGates(state, gatesOf(state.spec, 0, 'before')), input.atMs);
}

function beginRamp(state: RunningState, input: Analysed, { stage, proof }: AllowedByPairs): readonly DeliveryEvent[] {
  const { spec } = state;
  const share = percent(stageWeightPpm(spec, stage));
  const pairs = number(completePairs(spec, input.analysis));
  const command = controllerCommand(state, input, {
    command: 'advance',
    stage,
    weightsPpm: stageWeights(spec, stage),
    reason: proof === null ? 'started' : 'budget-proven',
    message:
      proof === null
        ? `Out of the shadow, on to ${share}: ${pairs} pairs show no harm that is proven. They prove too little for a larger share${hardestInWords(input)}.`
        : `Out of the shadow, on to ${share}: by ${pairs} pairs every guardrail is proven to stay within its margin ÷ ${percent(proof.provenForPpm)}. ${hardestMessage(proof, spec, input)}`,
    terminal: false,
    evidence: evidenceOfPairs(input, proof, proof?.lnE ?? null),
  });
  return [{ type: 'advanced', atMs: input.atMs, actor: CONTROLLER, command }];
}

/** The shadow was all: nobody is served by the candidate, whatever its pairs say. */
function concludeShadow(state: RunningState, input: Analysed, { proof }: AllowedByPairs): readonly DeliveryEvent[] {
  const { spec } = state;
  const pairs = number(completePairs(spec, input.analysis));
  const command = controllerCommand(state, input, {
    command: 'conclude',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: proof === null ? 'inconclusive' : 'budget-proven',
    message:
      proof === null
        ? `The shadow is over: ${pairs} pairs show no harm that is proven, and do not prove either that a share of the traffic may be served${hardestInWords(input)}. Inconclusive.`
        : `The shadow is passed: by ${pairs} pairs ${percent(proof.provenForPpm)} of the traffic may be served, every guardrail being proven to stay within its margin ÷ ${percent(proof.provenForPpm)}. ${hardestMessage(proof, spec, input)}`,
    terminal: true,
    evidence: evidenceOfPairs(input, proof, proof?.lnE ?? null),
  });
  const outcome = proof === null ? 'inconclusive' : 'passed';
  return [{ type: 'concluded', atMs: input.atMs, actor: CONTROLLER, command, outcome, winner: null }];
}

/** The highest stage up to the allowed one on the way to which no approval is missing and no gate closed; null where the first one is not open. */
function highestOpen(state: RunningState, analysis: ExperimentAnalysed, allowed: number): number | null {
  const { spec } = state;
  const isClosed = (gates: readonly Gate[]): boolean => closedGates(state, gates).length > 0;
  let open: number | null = null;
  for (let stage = 0; stage <= allowed; stage += 1) {
    if (!isApproved(state, stage, analysis) || isClosed(gatesOf(spec, stage, 'before'))) return open;
    open = stage;
    if (isClosed(gatesOf(spec, stage, 'after'))) return open;
  }
  return open;
}

function awaitFirstApproval(state: RunningState, { atMs, analysis }: Analysed): readonly DeliveryEvent[] {
  if (state.awaitsApprovalOf === 0) return [];
  const { spec } = state;
  const message = `${number(completePairs(spec, analysis))} pairs show no harm that is proven. The ramp waits for ${awaitedInWords(spec, 0, analysis)}.`;
  return [{ type: 'approval-awaited', atMs, actor: CONTROLLER, stage: 0, message }];
}

function hardestMessage(
  { metric: weakest, ...proof }: NonNullable<AllowedByPairs['proof']>,
  spec: ExperimentSpec,
  { analysis }: Analysed,
): string {
  return weakestMessage({ ...proof, weakest }, spec, analysis.alpha);
}

/** " (alignment least)". */
function hardestInWords({ analysis }: Analysed): string {
  const hardest = [...new Set((analysis.pairs ?? []).flatMap(({ hardest: name }) => name ?? []))];
  return hardest.length === 0 ? '' : ` (least of ${hardest.join(', ')})`;
}

function evidenceOfPairs(
  { analysis }: Analysed,
  judged: PairedJudgement | null,
  lnE: number | null,
): CommandOrder['evidence'] {
  const pairs = judged?.pairs ?? Math.max(0, ...(analysis.pairs ?? []).map(({ n }) => n));
  const evidence = commandEvidence(analysis, judged?.metric ?? null, lnE);
  return evidence && { ...evidence, units: pairs, pairs };
}
