import type { Command } from 'commander';
import { duration } from '#libs/delivery';
import { summaryAnswer, type SummaryAnswer } from '../server/answers.js';
import { connect, withServerOptions, type ServerOptions } from '../server/connection.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { metricTable, trafficTable } from './metric-lines.js';
import { summaryPath } from './read-standing.js';
import { wordOfOrder } from './status-lines.js';

interface ReportOptions extends ServerOptions {
  readonly output: OutputForm;
}

/** `teststrip report`: everything that is known of an experiment, to keep beside it. */
export function addReportCommand(program: Command): void {
  withServerOptions(
    program
      .command('report')
      .description('prints what is known of an experiment: traffic, metrics with their notes, all decisions')
      .argument('<key>', 'the experiment')
      .addOption(outputOption()),
  ).action(async (key: string, options: ReportOptions) => {
    const { reports } = connect(options);
    const answer = await reports.get(summaryPath(key));
    const summary = reports.read(summaryAnswer, answer);
    printAnswer(options.output, answer, () => reportLines(summary));
  });
}

function reportLines(summary: SummaryAnswer): readonly string[] {
  const { experiment, revision, decisions, metrics, notices, healthNotes, timeToRollback } = summary;
  const notes = metrics.flatMap(({ metric, candidate, notes: told }) =>
    told.map(({ message }) => `  ${metric} of ${candidate}: ${message}`),
  );
  const table = metricTable(summary);
  const detected = timeToRollback?.detectionToAppliedMs ?? null;
  return [
    `${experiment} revision ${revision}`,
    '',
    ...trafficTable(summary),
    '',
    ...(table.length === 0 ? ['No analysis yet.'] : table),
    ...notes,
    '',
    ...(healthNotes === null ? [] : [`signals: ${healthNotes.signals}`, ...healthNotes.reports]),
    ...notices.map(({ message }) => message),
    ...decisions.map((order) => `${order.commandedAt}  ${wordOfOrder(order)} by ${order.actor}: ${order.message}`),
    ...(detected === null ? [] : ['', `from the deciding event to the routers: ${duration(detected.p50)} (median)`]),
  ];
}
