import type { Command } from 'commander';
import { canonicalJson } from '#libs/contracts';
import { replayLog, type Replay, type ReplayedDecision } from '#libs/delivery';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import type { ExperimentAnswer } from '../server/answers.js';
import { connect, withServerOptions, type ServerOptions } from '../server/connection.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { readKeptLog } from './read-kept-log.js';
import { readExperiment } from './read-standing.js';

interface ReplayOptions extends ServerOptions {
  readonly output: OutputForm;
}

/** `teststrip replay`: everything in the log is decided again, by the rules of this version. */
export function addReplayCommand(program: Command): void {
  withServerOptions(
    program
      .command('replay')
      .description('decides everything in the audit log again, upon what is kept, and says whether it is identical')
      .argument('<key>', 'the experiment')
      .addHelpText('after', HELP)
      .addOption(outputOption()),
  ).action(async (key: string, options: ReplayOptions) => {
    const connection = connect(options);
    const experiment = await readExperiment(connection, key);
    const replayed = replayOrFail(await readKeptLog(connection, key));
    const differences = differencesOf(replayed, experiment);
    printAnswer(options.output, { decisions: replayed.decisions, differences }, () => replayLines(key, replayed));
    if (differences.length > 0) throw new CommandFailure(exitCodes.otherwise, differences.join('\n'));
  });
}

const HELP = `
Checked are the order of events, every decision whose grounds are kept (the analysis it names, an order with its words, a deadline), word for word,
and that the whole log leads to where the experiment stands. A decision is by the rules of this version: one of an older version may differ.`;

function replayOrFail(kept: Parameters<typeof replayLog>[0]): Replay {
  try {
    return replayLog(kept);
  } catch (error) {
    throw new CommandFailure(
      exitCodes.otherwise,
      `The events of the log don't follow each other: ${(error as Error).message}`,
    );
  }
}

/** What is not as it is kept, in words; empty where all is identical. */
function differencesOf({ decisions, state }: Replay, experiment: ExperimentAnswer): readonly string[] {
  const otherwise = decisions.filter(({ outcome }) => outcome === 'differs').map(differenceWords);
  const { phase, revision, epoch, weightsPpm } = experiment;
  const folded =
    state.phase === 'absent' || state.phase === 'draft'
      ? { phase: state.phase, revision, epoch: state.epoch, weightsPpm: null }
      : { phase: state.phase, revision: state.revision, epoch: state.lastCommand.epoch, weightsPpm: state.weightsPpm };
  const stands = { phase, revision, epoch, weightsPpm: weightsPpm ?? null };
  if (canonicalJson(folded) === canonicalJson(stands)) return otherwise;
  return [...otherwise, `The log leads to ${canonicalJson(folded)}, and the server says ${canonicalJson(stands)}`];
}

function differenceWords({ events, instead }: ReplayedDecision): string {
  const now =
    typeof instead === 'string' ? `it would be refused: ${instead}` : `${kindsOf(instead ?? [])} would follow`;
  return `${whenOf(events)} ${kindsOf(events)} does not follow by this version: ${now}`;
}

function kindsOf(events: ReplayedDecision['events']): string {
  return events.map(({ type }) => type).join(' and ') || 'nothing';
}

function whenOf([first]: ReplayedDecision['events']): string {
  return first === undefined ? '' : new Date(first.atMs).toISOString();
}

function replayLines(key: string, { decisions, state }: Replay): readonly string[] {
  const identical = decisions.filter(({ outcome }) => outcome === 'identical').length;
  const unknown = decisions.filter(({ outcome }) => outcome === 'unknown');
  return [
    `${key}: ${decisions.length} decisions, ${identical} decided again and identical; the log leads to "${state.phase}"`,
    ...unknown.map(({ events }) => `  ${whenOf(events)} ${kindsOf(events)}: follows; what it rests on is not kept`),
  ];
}
