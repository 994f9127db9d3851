import {
  candidatesOf,
  type ExperimentAnalysed,
  type ExperimentSpec,
  type MetricAnalysis,
  type ObjectiveAnalysis,
} from '#libs/contracts';
import { controlOnly, onlyVariant } from '../allocation.js';
import { commandEvidence, CONTROLLER, controllerCommand } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import { isSafe } from './guardrail-proof.js';
import type { Analysed } from '../inputs.js';
import { utilityMessage } from '../words/utility.js';
import { raceResult } from './race.js';
import type { RunningState } from '../state.js';

/**
 * Ends an ab test when a candidate has won on the utility of the objectives, with all its guardrails within their margins, or when no
 * candidate can still beat control by enough to matter (see {@link raceResult}). A candidate whose objectives have not been analysed
 * keeps the race open.
 */
export function concludeTest(state: RunningState, input: Analysed): readonly DeliveryEvent[] {
  const { spec } = state;
  const { analysis, atMs } = input;
  if (spec.kind !== 'ab' || !analysis.objectives) return [];
  const { rope } = analysis.objectives;
  const judged = candidatesOf(spec).map((candidate) => ({ candidate, objectives: objectivesOf(analysis, candidate) }));
  const contenders = judged.map(({ candidate, objectives }) => ({
    candidate,
    utility: objectives?.utility ?? UNKNOWN,
    isSafe: isSafe(spec, analysis, candidate),
  }));
  const race = raceResult(contenders, rope);
  switch (race.result) {
    case 'open':
      return [];
    case 'winner': {
      const { winner } = race;
      const won = objectivesOf(analysis, winner) as ObjectiveAnalysis;
      const command = controllerCommand(state, input, {
        command: 'conclude',
        stage: state.stage,
        weightsPpm: onlyVariant(spec, winner),
        reason: 'superior',
        message: `${winner} wins: ${utilityMessage(won, spec.control, rope)}. Every guardrail is proven to stay within its margin.`,
        terminal: true,
        evidence: commandEvidence(analysis, firstObjective(spec, analysis, winner), null),
      });
      return [{ type: 'concluded', atMs, actor: CONTROLLER, command, outcome: 'winner', winner }];
    }
    case 'futile': {
      const said = judged.flatMap(({ objectives }) =>
        objectives ? [`${objectives.candidate}: ${utilityMessage(objectives, spec.control, rope)}`] : [],
      );
      const command = controllerCommand(state, input, {
        command: 'conclude',
        stage: state.stage,
        weightsPpm: controlOnly(spec),
        reason: 'futile',
        message: `No variant can still beat ${spec.control} by enough to matter. ${said.join('; ')}.`,
        terminal: true,
        evidence: commandEvidence(analysis, null, null),
      });
      return [{ type: 'concluded', atMs, actor: CONTROLLER, command, outcome: 'futile', winner: null }];
    }
    default:
      return race satisfies never;
  }
}

const UNKNOWN: ObjectiveAnalysis['utility'] = {
  estimate: null,
  interval: null,
  verdict: 'undecided',
  reason: 'no-data',
};

function objectivesOf({ objectives }: ExperimentAnalysed, of: string): ObjectiveAnalysis | undefined {
  return objectives?.candidates.find(({ candidate }) => candidate === of);
}

/** The metric a conclusion is filed under. */
function firstObjective(spec: ExperimentSpec, analysis: ExperimentAnalysed, of: string): MetricAnalysis | null {
  const [first] = spec.objectives;
  return analysis.metrics.find(({ metric, candidate }) => metric === first?.metric && candidate === of) ?? null;
}
