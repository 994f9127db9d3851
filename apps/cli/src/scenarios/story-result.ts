import type { AllocationCommanded } from '#libs/contracts';
import type { ExperimentCourse } from './experiment-watcher.js';
import type { StoryOutcome, Scenario } from './scenario.js';

/** How a scenario ended: the object that is printed as the last line. */
export interface ScenarioResult {
  readonly scenario: string;
  readonly outcome: StoryOutcome;
  /** Machine-readable reason of the last command. */
  readonly reason: string;
  /** The metric that caused a rollback; null otherwise. */
  readonly metric: string | null;
  /** Complete pairs of the shadow until the end; null without one. */
  readonly pairs: number | null;
  /** Units judged, both variants. */
  readonly units: number;
  /** Requests sent until the last command was applied. */
  readonly requests: number;
  /** Requests answered by the candidate until then. */
  readonly exposed: number;
  /** Shares of the candidate, in percent, in the order they were commanded. */
  readonly stagesReached: readonly number[];
  /** Commands that contradict the truth: a rollback of an equal candidate, a promotion of a bad one. */
  readonly falseCommands: number;
  /** From the analysis that a command rests on to the router's acknowledgement. */
  readonly detectionToAppliedMs: { readonly p50: number | null; readonly max: number | null };
}

export interface PlayedScenario extends ScenarioResult {
  /** Key of the experiment. */
  readonly experiment: string;
  readonly seed: number;
  /** It ended as it has to, for one of the right reasons, and nobody saw the candidate afterwards. */
  readonly asExpected: boolean;
  readonly wallSeconds: number;
  /** Answers by the candidate after a rollback was applied; must be 0. */
  readonly candidateAnswersAfterRollback: number;
}

/** What was sent until the end of a story. */
export interface Sent {
  readonly requests: number;
  readonly exposed: number;
}

export function resultOf(scenario: Scenario, course: ExperimentCourse, { requests, exposed }: Sent): ScenarioResult {
  const last = course.commands.at(-1);
  const outcome = outcomeOf(last);
  const units = Object.values(course.analysis?.units ?? {}).reduce((sum, count) => sum + count, 0);
  const delays = detectionToAppliedMs(course);
  return {
    scenario: scenario.name,
    outcome,
    reason: last?.reason ?? 'none',
    metric: outcome === 'rolled-back' ? (last?.evidence?.metric ?? null) : null,
    pairs: scenario.shadow ? (course.analysis?.pairs?.[0]?.n ?? 0) : null,
    units,
    requests,
    exposed,
    stagesReached: course.commands
      .filter(({ command }) => command === 'start' || command === 'advance' || command === 'promote')
      .map(({ weightsPpm }) => (weightsPpm['candidate'] ?? 0) / 10_000),
    falseCommands: course.commands.filter((command) => isFalse(scenario, command)).length,
    detectionToAppliedMs: { p50: delays[Math.floor((delays.length - 1) / 2)] ?? null, max: delays.at(-1) ?? null },
  };
}

/** Whether it ended as it has to, for one of the right reasons. */
export function isAsExpected(scenario: Scenario, result: ScenarioResult): boolean {
  if (result.outcome !== scenario.expected || result.falseCommands > 0) return false;
  // What a shadow is for: nobody is served by a candidate that is bad.
  if (scenario.shadow && result.outcome === 'rolled-back' && result.exposed > 0) return false;
  return scenario.expectedMetrics.length === 0 || scenario.expectedMetrics.includes(result.metric ?? '');
}

function outcomeOf(command: AllocationCommanded | undefined): StoryOutcome {
  if (!command?.terminal) return 'inconclusive';
  if (command.command === 'promote') return 'promoted';
  return command.reason === 'harmful' || command.reason === 'operator' ? 'rolled-back' : 'inconclusive';
}

function isFalse({ expected }: Scenario, { command, reason }: AllocationCommanded): boolean {
  if (command === 'rollback' && reason === 'harmful') return expected !== 'rolled-back';
  return command === 'promote' && expected !== 'promoted';
}

/** Ascending, milliseconds; commands that rest on evidence only. */
function detectionToAppliedMs({ commands, applied }: ExperimentCourse): number[] {
  return commands
    .flatMap(({ commandId, evidence }) => {
      const acknowledgement = applied.find((ack) => ack.commandId === commandId && ack.outcome === 'applied');
      return evidence && acknowledgement
        ? [Date.parse(acknowledgement.appliedAt) - Date.parse(evidence.analysedAt)]
        : [];
    })
    .sort((a, b) => a - b);
}
