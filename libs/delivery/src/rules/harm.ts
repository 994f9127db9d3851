import { MILLION, type ExperimentAnalysed, type ExperimentSpec, type MetricAnalysis } from '#libs/contracts';
import { controlOnly, servesCandidates } from '../allocation.js';
import { controllerCommand, commandEvidence, CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import type { StartedState } from '../state.js';
import { percent } from '../words/numbers.js';
import { brokenLimitMessage } from '../words/limit.js';
import { harmMessage } from '../words/proof.js';
import { guardrailAnalyses } from './guardrail-proof.js';
import { brokenLimit } from './limits.js';

/**
 * Proven harm rolls back. It also ends what was promoted or concluded meanwhile (scores may come late, and operators may promote
 * unproven). It happens once per revision, and nothing undoes it.
 */
export function rollBackHarm(state: StartedState, input: Analysed, harmful: MetricAnalysis): readonly DeliveryEvent[] {
  if (state.phase === 'rolled-back' || !servesCandidates(state.spec, state.weightsPpm)) return [];
  const { spec } = state;
  const command = controllerCommand(state, input, {
    command: 'rollback',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: 'harmful',
    message: harmMessage(harmful, spec, input.analysis.alpha),
    terminal: true,
    evidence: commandEvidence(input.analysis, harmful, harmful.lnE?.harmful ?? null),
  });
  return [{ type: 'rolled-back', atMs: input.atMs, actor: CONTROLLER, command }, ...alarmForControl(state, input)];
}

/** A candidate beyond an absolute limit that control keeps: see {@link brokenLimit}. */
export function rollBackBrokenLimit(state: StartedState, input: Analysed): readonly DeliveryEvent[] {
  const { spec } = state;
  const broken = brokenLimit(spec, input.analysis);
  if (!broken || state.phase === 'rolled-back' || !servesCandidates(spec, state.weightsPpm)) return [];
  const command = controllerCommand(state, input, {
    command: 'rollback',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: 'harmful',
    message: brokenLimitMessage(broken, spec.control, input.analysis.alpha),
    terminal: true,
    evidence: commandEvidence(input.analysis, broken, broken.limit.candidate.lnE.beyond),
  });
  return [{ type: 'rolled-back', atMs: input.atMs, actor: CONTROLLER, command }];
}

/** The guardrail with the strongest proof of harm; undefined when none is proven harmful. */
export function harmfulGuardrail(spec: ExperimentSpec, analysis: ExperimentAnalysed): MetricAnalysis | undefined {
  return guardrailAnalyses(spec, analysis)
    .filter(({ verdict }) => verdict === 'harmful')
    .sort((a, b) => (b.lnE?.harmful ?? 0) - (a.lnE?.harmful ?? 0))[0];
}

/** A rollback raises an alert when at least this share of control's own requests fails. */
const BROKEN_ERROR_RATE = 0.5;

/** Control is preferred even when it is broken as well, but never silently. */
function alarmForControl(state: StartedState, { atMs, analysis }: Analysed): readonly DeliveryEvent[] {
  const errorRate = analysis.metrics.find(({ metric }) => metric === 'error-rate')?.estimate.control ?? null;
  if (errorRate === null || errorRate < BROKEN_ERROR_RATE) return [];
  const message = `Rolled back to ${state.spec.control}, but ${percent(errorRate * MILLION)} of its own requests fail. Look at it now.`;
  return [{ type: 'alert-raised', atMs, actor: CONTROLLER, alert: 'control-unhealthy', message }];
}
