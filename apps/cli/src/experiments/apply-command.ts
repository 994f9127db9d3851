import { basename } from 'node:path';
import type { Command } from 'commander';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { RefusedByServer } from '../server/api-client.js';
import { appliedAnswer } from '../server/answers.js';
import { connect, withServerOptions, type Connection, type ServerOptions } from '../server/connection.js';
import { asCommands, problemsOfFile } from '../server/server-problem.js';
import { outputOption, printAnswer, printOnTheWay, type OutputForm } from '../terminal/print.js';
import { fileOption, readFileOrInput } from './experiment-file.js';
import { effectWords, inTheWay, phaseWords, shareWords, stageWords } from './standing.js';
import { timeoutOption, waitUntil } from './wait-until.js';

interface ApplyOptions extends ServerOptions {
  readonly file: string;
  readonly dryRun?: true;
  readonly wait?: true;
  readonly timeout: number;
  readonly output: OutputForm;
}

interface DiffOptions extends ServerOptions {
  readonly file: string;
  readonly exitCode?: true;
  readonly output: OutputForm;
}

/** `teststrip apply`: the file is what runs from now on. */
export function addApplyCommand(program: Command, signal: AbortSignal): void {
  withServerOptions(
    program
      .command('apply')
      .description('applies an experiment file: it starts, or its policy changes, or a new revision begins')
      .addOption(fileOption())
      .option('--dry-run', 'says what would follow, and does nothing')
      .option('--wait', 'waits for the end; exit code 0 only if it is promoted, or won')
      .addOption(timeoutOption())
      .addOption(outputOption()),
  ).action(async (options: ApplyOptions) => {
    const connection = connect(options);
    const answer = await sendApplied(connection, options.file, options.dryRun === true);
    const experiment = connection.decision.read(appliedAnswer, answer);
    const { output, timeout: timeoutMs, dryRun: isDryRun = false } = options;
    const inLines = () => appliedLines(experiment, isDryRun);
    if (!options.wait || isDryRun) return printAnswer(output, answer, inLines);
    // A program is told one thing, the end.
    printOnTheWay(output, inLines());
    const { key, revision } = experiment;
    await waitUntil(connection, { key, revision, awaited: 'promoted', timeoutMs, signal, output });
  });
}

/** `teststrip diff`: what `apply` would change, as the server sees it. */
export function addDiffCommand(program: Command): void {
  withServerOptions(
    program
      .command('diff')
      .description('says what applying a file would change: treatment (evidence starts anew) or policy (it is kept)')
      .addOption(fileOption())
      .option('--exit-code', 'ends with 1 where something would change')
      .addOption(outputOption()),
  ).action(async (options: DiffOptions) => {
    const connection = connect(options);
    const answer = await sendApplied(connection, options.file, true).catch(sameAsEnded);
    if (answer instanceof RefusedByServer) {
      const message = asCommands(answer.problem.detail);
      const unchanged = { applied: { what: 'unchanged', message, dryRun: true } };
      return printAnswer(options.output, unchanged, () => [`no difference: ${message}`]);
    }
    const { key, applied } = connection.decision.read(appliedAnswer, answer);
    printAnswer(options.output, answer, () => [`${key}: ${diffWords(applied)}`]);
    if (options.exitCode && applied.what !== 'unchanged') process.exitCode = exitCodes.otherwise;
  });
}

/** A file that has run already, and ended, can't be applied; that it differs in nothing is an answer all the same. */
function sameAsEnded(error: unknown): RefusedByServer {
  if (error instanceof RefusedByServer && error.problem.type === 'urn:teststrip:refused:already-ended') return error;
  throw error;
}

async function sendApplied({ decision, actor }: Connection, path: string, isDryRun: boolean): Promise<unknown> {
  const { name, bytes } = readFileOrInput(path);
  if (bytes.length === 0) throw new CommandFailure(exitCodes.usage, `${name}: empty: expected an experiment`);
  const headers = {
    'teststrip-file': inHeader(basename(name)),
    ...(actor === undefined ? {} : { 'teststrip-actor': inHeader(actor) }),
  };
  try {
    return await decision.sendFile(`/v1/experiments${isDryRun ? '?dryRun=true' : ''}`, bytes, headers);
  } catch (error) {
    if (!(error instanceof RefusedByServer)) throw error;
    const problems = problemsOfFile(name, error.problem);
    throw problems === undefined ? error : new CommandFailure(exitCodes.usage, problems);
  }
}

/** Headers hold printable ASCII. */
function inHeader(text: string): string {
  return text.replace(/[^\u0020-\u007e]/g, '?');
}

type Applied = ReturnType<typeof appliedAnswer.parse>;

function appliedLines(experiment: Applied, isDryRun: boolean): readonly string[] {
  const { key, revision, applied } = experiment;
  if (isDryRun) return [`${key}: would be: ${applied.message} (nothing was done)`];
  const effect = effectWords(experiment);
  return [
    `${key}: ${applied.message}`,
    `revision ${revision} ${phaseWords(experiment)}, stage ${stageWords(experiment)}, ${shareWords(experiment)}`,
    ...(effect === undefined ? [] : [effect]),
    ...(experiment.phase === 'draft' ? inTheWay(experiment, false) : []),
  ];
}

/** The message says by itself what is new and what is policy. */
function diffWords({ what, message }: Applied['applied']): string {
  if (what === 'unchanged') return 'no difference';
  return what === 'new-revision' ? `treatment: ${message}` : message;
}
