import { orderInWords } from '#libs/delivery';
import type { ExperimentAnswer, SummaryAnswer } from '../server/answers.js';
import { metricTable, verdictWords } from './metric-lines.js';
import { ago, effectWords, phaseWords, shareWords, stageWords, waitsFor } from './standing.js';

/** What the servers say of one experiment at one moment. */
export interface ExperimentStanding {
  readonly experiment: ExperimentAnswer;
  /** It stands still because its service does. */
  readonly isFrozen: boolean;
  /** Undefined where the reports can't be had, or don't know of it yet. */
  readonly summary: SummaryAnswer | undefined;
  /** Why there is no summary. */
  readonly without: string | undefined;
}

/** Where an experiment stands, for people. */
export function statusLines(standing: ExperimentStanding, nowMs: number): readonly string[] {
  const { experiment, isFrozen } = standing;
  const waits = waitsFor(experiment, isFrozen, nowMs);
  const effect = effectWords(experiment);
  return [
    `${experiment.key} revision ${experiment.revision} ${phaseWords(experiment)}`,
    '',
    `service  ${experiment.service ?? '–'}`,
    `stage    ${stageWords(experiment)}`,
    `share    ${shareWords(experiment)}${effect === undefined ? '' : ` (${effect})`}`,
    ...waits.map((line, index) => `${index === 0 ? 'waits   ' : '        '} ${line}`),
    ...figures(standing, nowMs),
    ...lastOrder(experiment, nowMs),
  ];
}

function figures({ experiment, summary, without }: ExperimentStanding, nowMs: number): readonly string[] {
  if (without !== undefined) return ['', `No figures: ${without}`];
  if (summary === undefined || summary.revision !== experiment.revision) return ['', 'No figures yet.'];
  const { shadow, notices, healthNotes, analysedAt } = summary;
  const pairs = (shadow?.candidates ?? []).map(
    ({ candidate, n }) => `shadow: ${n} of ${shadow?.pairsWanted ?? 0} pairs of ${candidate}`,
  );
  const table = metricTable(summary);
  return [
    '',
    ...(shadow?.isUnderWay ? [...pairs, ''] : []),
    ...(table.length === 0 ? ['waiting for the first analysis …'] : table),
    '',
    ...(analysedAt === null ? [] : [`analysed ${ago(analysedAt, nowMs)}; ${summary.exposed} requests on candidates`]),
    ...(healthNotes === null ? [] : [`signals: ${healthNotes.signals}`, ...healthNotes.reports]),
    ...notices.map(({ message }) => message),
  ];
}

function lastOrder({ lastCommand }: ExperimentAnswer, nowMs: number): readonly string[] {
  if (!lastCommand) return [];
  const { commandedAt, actor, message } = lastCommand;
  return ['', `last: ${wordOfOrder(lastCommand)} ${ago(commandedAt, nowMs)} by ${actor}`, `  ${message}`];
}

/** A command that only a newer server gives is told by its own name. */
export function wordOfOrder(order: { readonly command: string; readonly reason: string }): string {
  return orderInWords(order as Parameters<typeof orderInWords>[0]);
}

/** One line that is worth printing again whenever it changes. */
export function statusLine({ experiment, summary }: ExperimentStanding): string {
  const verdicts = summary === undefined ? [] : verdictsIn(summary);
  const why = experiment.lastCommand ? `: ${experiment.lastCommand.message}` : '';
  return `${phaseWords(experiment)}, stage ${stageWords(experiment)}, ${shareWords(experiment)}${why}${verdicts.length === 0 ? '' : ` | ${verdicts.join(', ')}`}`;
}

function verdictsIn(summary: SummaryAnswer): readonly string[] {
  return summary.metrics
    .filter(({ role }) => role !== 'observed')
    .map((metric) => `${metric.metric} ${verdictWords(metric, summary)}`);
}
