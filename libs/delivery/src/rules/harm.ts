import type { ExperimentAnalysed, ExperimentSpec, MetricAnalysis } from '#libs/contracts';
import { controlOnly, servesCandidates } from '../allocation.js';
import { controllerCommand, commandEvidence, CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import { isActive, type StartedState } from '../state.js';
import { brokenLimitMessage } from '../words/limit.js';
import { harmMessage } from '../words/proof.js';
import { alarmForTarget } from './broken-control.js';
import { guardrailAnalyses } from './guardrail-proof.js';
import { brokenLimit } from './limits.js';

/**
 * Proven harm rolls back. It also ends what was promoted or concluded meanwhile (scores may come late, and operators may promote
 * unproven). It happens once per revision, and nothing undoes it.
 */
export function rollBackHarm(state: StartedState, input: Analysed, harmful: MetricAnalysis): readonly DeliveryEvent[] {
  if (!answersToHarm(state)) return [];
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
  return [{ type: 'rolled-back', atMs: input.atMs, actor: CONTROLLER, command }, ...alarmOf(state, input)];
}

/** A candidate beyond an absolute limit that control keeps: see {@link brokenLimit}. */
export function rollBackBrokenLimit(state: StartedState, input: Analysed): readonly DeliveryEvent[] {
  const { spec } = state;
  const broken = brokenLimit(spec, input.analysis);
  if (!broken || !answersToHarm(state)) return [];
  const command = controllerCommand(state, input, {
    command: 'rollback',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: 'harmful',
    message: brokenLimitMessage(broken, spec.control, input.analysis.alpha),
    terminal: true,
    evidence: commandEvidence(input.analysis, broken, broken.limit.candidate.lnE.beyond),
  });
  return [{ type: 'rolled-back', atMs: input.atMs, actor: CONTROLLER, command }, ...alarmOf(state, input)];
}

/** A rolled back revision is harmed no more; in the shadow nobody is. What has ended may still show that a loser was harmful. */
export function answersToHarm(state: StartedState): boolean {
  if (state.phase === 'rolled-back') return false;
  return !isActive(state) || servesCandidates(state.spec, state.weightsPpm);
}

function alarmOf(state: StartedState, { analysis, atMs }: Analysed): readonly DeliveryEvent[] {
  return alarmForTarget(state, analysis, atMs);
}

/** The guardrail with the strongest proof of harm; undefined when none is proven harmful. */
export function harmfulGuardrail(spec: ExperimentSpec, analysis: ExperimentAnalysed): MetricAnalysis | undefined {
  return guardrailAnalyses(spec, analysis)
    .filter(({ verdict }) => verdict === 'harmful')
    .sort((a, b) => (b.lnE?.harmful ?? 0) - (a.lnE?.harmful ?? 0))[0];
}
