import type { ExperimentAnalysed, MetricAnalysis } from '#libs/contracts';
import { orderInWords } from '#libs/delivery';
import { Screen } from '../terminal/screen.js';
import type { ExperimentCourse } from './experiment-watcher.js';

export interface LiveFrame {
  readonly title: string;
  readonly story: string;
  readonly page: string;
  readonly course: ExperimentCourse;
  readonly sent: number;
  readonly exposed: number;
  readonly perSecond: number;
  /** Of the shadow; null without one. */
  readonly pairsWanted: number | null;
}

const COLUMNS = [
  'metric',
  'control',
  'candidate',
  'effect',
  'interval',
  'margin',
  'ln E harm',
  'ln E ok',
  'verdict',
] as const;
const WIDTHS = [15, 10, 10, 10, 22, 9, 10, 9, 30] as const;

/** The course of an experiment as lines of text. */
export function renderFrame(frame: LiveFrame): string[] {
  const { course } = frame;
  const command = course.commands.at(-1);
  const threshold = course.analysis ? -Math.log(course.analysis.alpha) : Math.log(20);
  return [
    `Teststrip · ${frame.title} · ${frame.story}`,
    `live page: ${frame.page}`,
    '',
    `${whereItIs(course, frame.pairsWanted)} · ${weights(command?.weightsPpm)} · epoch ${command?.epoch ?? 0} · ` +
      `${frame.sent} requests (${Math.round(frame.perSecond)}/s), ${frame.exposed} answered by the candidate`,
    '',
    row(COLUMNS),
    '─'.repeat(WIDTHS.reduce((sum, width) => sum + width + 1, 0)),
    ...rowsOf(course),
    '',
    `an e-process decides at ln E ≥ ${threshold.toFixed(1)} · health: ${course.analysis ? health(course.analysis) : '–'}`,
    ...course.commands
      .slice(-4)
      .map((said) => `${said.commandedAt.slice(11, 23)}  ${orderInWords(said)}: ${said.message}`),
  ];
}

/** Draws frames over each other in a terminal; prints a line per change of command where there is none. */
export class LiveTable {
  private readonly screen: Screen;
  private lastEpoch = -1;

  constructor(private readonly out: NodeJS.WriteStream) {
    this.screen = new Screen(out);
  }

  draw(frame: LiveFrame): void {
    if (this.screen.isTerminal) this.screen.draw(renderFrame(frame));
    else this.printNews(frame);
  }

  private printNews({ course, sent, exposed }: LiveFrame): void {
    const command = course.commands.at(-1);
    if (!command || command.epoch === this.lastEpoch) return;
    this.lastEpoch = command.epoch;
    this.out.write(
      `  after ${sent} requests (${exposed} by the candidate): ${orderInWords(command)}, ${weights(command.weightsPpm)}: ${command.message}\n`,
    );
  }
}

/** "stage 2", "shadow: 212 of 350 pairs". */
function whereItIs({ commands, analysis }: ExperimentCourse, pairsWanted: number | null): string {
  const command = commands.at(-1);
  if (command?.shadow === undefined || pairsWanted === null) return `stage ${command?.stage ?? 0}`;
  return `shadow: ${analysis?.pairs?.[0]?.n ?? 0} of ${pairsWanted} pairs`;
}

/** In the shadow what the pairs say, afterwards what was drawn. */
function rowsOf({ analysis, commands }: ExperimentCourse): string[] {
  if (analysis === null) return ['waiting for the first analysis …'];
  if (commands.at(-1)?.shadow === undefined) return judged(analysis).map(metricRow);
  const [pairs] = analysis.pairs ?? [];
  return pairs
    ? pairs.metrics.map((metric) => metricRow({ ...metric, interval: null }))
    : ['waiting for the first pairs …'];
}

/** What is only observed is on the live page: the table has to fit a terminal. */
function judged({ metrics }: ExperimentAnalysed): MetricAnalysis[] {
  return metrics.filter(({ role }) => role !== 'observed');
}

function metricRow(
  metric: Pick<MetricAnalysis, 'metric' | 'estimate' | 'interval' | 'lnE' | 'margin' | 'verdict' | 'reason'>,
): string {
  const { estimate, interval, lnE } = metric;
  return row([
    metric.metric,
    number(estimate.control),
    number(estimate.candidate),
    number(estimate.effect),
    interval ? `${number(interval.low)} … ${number(interval.high)}` : '–',
    number(metric.margin),
    lnE ? lnE.harmful.toFixed(2) : '–',
    lnE ? lnE.nonInferior.toFixed(2) : '–',
    `${metric.verdict} (${metric.reason})`,
  ]);
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.slice(0, WIDTHS[index]).padEnd(WIDTHS[index] as number))
    .join(' ')
    .trimEnd();
}

/** Four significant digits; a dash for what is not known, never 0. */
function number(value: number | null): string {
  if (value === null) return '–';
  if (value === 0) return '0';
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : Number(value.toPrecision(4)).toString();
}

function weights(weightsPpm: Readonly<Record<string, number>> | undefined): string {
  if (!weightsPpm) return 'nothing commanded yet';
  return Object.entries(weightsPpm)
    .map(([variant, ppm]) => `${variant} ${ppm / 10_000} %`)
    .join(', ');
}

function health({ health: { srm, coverage, staleness } }: ExperimentAnalysed): string {
  return `sample ratio ${srm.status}, coverage ${coverage.status}, signals ${staleness.status}`;
}
