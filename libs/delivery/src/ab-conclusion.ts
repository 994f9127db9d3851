import type { ExperimentAnalysed, ExperimentSpec, MetricAnalysis } from '#libs/contracts';
import { candidatesOf, controlOnly, onlyVariant } from './allocation.js';
import { commandOf, CONTROLLER, evidenceOf } from './command.js';
import type { DeliveryEvent } from './events.js';
import { isSafe } from './guardrails.js';
import type { Analysed } from './inputs.js';
import { weakestMessage } from './messages.js';
import type { Running } from './state.js';

/**
 * An ab test ends when a candidate is superior on every objective with all its guardrails at their margin, or when no candidate can be
 * better any more: the interval of one of its objectives lies wholly on the side of no gain.
 */
export function abConclusion(state: Running, input: Analysed): readonly DeliveryEvent[] {
  const { spec } = state;
  const { analysis, atMs } = input;
  if (spec.kind !== 'ab') return [];
  const winner = bestSuperior(spec, analysis);
  if (winner) {
    const [objective] = objectivesOf(spec, analysis, winner);
    const command = commandOf(state, input, {
      command: 'conclude',
      stage: state.stage,
      weightsPpm: onlyVariant(spec, winner),
      reason: 'superior',
      message: `${winner} wins: superior on ${spec.objectives.map(({ metric }) => metric).join(', ')}, every guardrail holds at its margin${objective ? `; ${weakestMessage(objective, null, analysis.alpha)}` : ''}.`,
      terminal: true,
      evidence: evidenceOf(analysis, objective ?? null, null),
      actor: CONTROLLER,
    });
    return [{ type: 'concluded', atMs, actor: CONTROLLER, command, outcome: 'winner', winner }];
  }
  if (!candidatesOf(spec).every((candidate) => isHopeless(objectivesOf(spec, analysis, candidate)))) return [];
  const command = commandOf(state, input, {
    command: 'conclude',
    stage: state.stage,
    weightsPpm: controlOnly(spec),
    reason: 'futile',
    message: `No variant can be better than ${spec.control} any more: the intervals of the objectives exclude a gain.`,
    terminal: true,
    evidence: evidenceOf(analysis, null, null),
    actor: CONTROLLER,
  });
  return [{ type: 'concluded', atMs, actor: CONTROLLER, command, outcome: 'futile', winner: null }];
}

/** Of several, the one with the largest weighted relative gain. */
function bestSuperior(spec: ExperimentSpec, analysis: ExperimentAnalysed): string | undefined {
  const superior = candidatesOf(spec).filter((candidate) => {
    const objectives = objectivesOf(spec, analysis, candidate);
    return (
      objectives.length === spec.objectives.length &&
      objectives.every(({ verdict }) => verdict === 'superior') &&
      isSafe(spec, analysis, candidate)
    );
  });
  return superior.sort((a, b) => gainOf(spec, analysis, b) - gainOf(spec, analysis, a))[0];
}

function gainOf(spec: ExperimentSpec, analysis: ExperimentAnalysed, candidate: string): number {
  return spec.objectives.reduce((sum, { metric, weight }) => {
    const found = analysis.metrics.find((entry) => entry.metric === metric && entry.candidate === candidate);
    if (!found || found.estimate.effect === null) return sum;
    const base = found.scale === 'difference' ? Math.abs(found.estimate.control ?? 0) || 1 : 1;
    return sum + (weight * (found.direction === 'higher' ? 1 : -1) * found.estimate.effect) / base;
  }, 0);
}

function isHopeless(objectives: readonly MetricAnalysis[]): boolean {
  return objectives.some(
    ({ interval, direction, scale }) =>
      interval !== null && scale !== 'ratio' && (direction === 'higher' ? interval.high <= 0 : interval.low >= 0),
  );
}

function objectivesOf(
  spec: ExperimentSpec,
  analysis: ExperimentAnalysed,
  candidate: string,
): readonly MetricAnalysis[] {
  return spec.objectives.flatMap(({ metric: name }) => {
    const found = analysis.metrics.find(({ metric, candidate: of }) => metric === name && of === candidate);
    return found ? [found] : [];
  });
}
