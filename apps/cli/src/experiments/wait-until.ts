import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { parseDurationMs } from '#libs/contracts';
import { duration } from '#libs/delivery';
import { durationArgument } from '../arguments.js';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import type { ExperimentAnswer } from '../server/answers.js';
import type { Connection } from '../server/connection.js';
import { printAnswer, printLines, printOnTheWay, tell, type OutputForm } from '../terminal/print.js';
import { readExperiment, unlessAway } from './read-standing.js';
import { isOver, phaseWords, shareWords, stageWords } from './standing.js';

/** Ends that can be waited for. */
export const awaitedEnds = ['promoted', 'rolled-back', 'ended'] as const;
export type AwaitedEnd = (typeof awaitedEnds)[number];

const LOOK_EVERY_MS = 1_000;

export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'longest time to wait, such as 30m or 2h')
    .argParser(durationArgument)
    .default(parseDurationMs('2h'), '2h');
}

export interface Wait {
  readonly key: string;
  readonly end: AwaitedEnd;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** `json` and `yaml`: the experiment as it stands at the end, and beside it what changes on the way. */
  readonly output: OutputForm;
}

/**
 * Waits until an experiment has ended, and says on the way what changes. A server that is away for a while is waited for as well.
 * @throws CommandFailure with the code for pipelines where it ends otherwise, or not in time.
 */
export async function waitUntil(connection: Connection, wait: Wait): Promise<void> {
  const { key, end, timeoutMs, output } = wait;
  const last = await untilOver(connection, wait);
  if (output !== 'table') printAnswer(output, last, () => []);
  if (!isOver(last)) throw timedOut(key, timeoutMs, last);
  if (output === 'table' && last.lastCommand) printLines([last.lastCommand.message]);
  judgeEnd(last, end);
}

/** @returns where it stands when it is over, or when time is */
async function untilOver(connection: Connection, { key, timeoutMs, signal, output }: Wait): Promise<ExperimentAnswer> {
  const untilMs = performance.now() + timeoutMs;
  let last = await readExperiment(connection, key);
  let said = '';
  for (;;) {
    const line = `${key} revision ${last.revision} ${phaseWords(last)}`;
    const more = isOver(last) ? '' : `, stage ${stageWords(last)}, ${shareWords(last)}`;
    if (line + more !== said) printOnTheWay(output, [line + more]);
    said = line + more;
    const leftMs = untilMs - performance.now();
    if (isOver(last) || leftMs <= 0) return last;
    await sleep(Math.min(LOOK_EVERY_MS, leftMs), undefined, { signal });
    const next = await unlessAway(readExperiment(connection, key), ({ message }) => tell(`${message} Waiting on.`));
    last = next ?? last;
  }
}

function judgeEnd(experiment: ExperimentAnswer, end: AwaitedEnd): void {
  const { key, phase } = experiment;
  if (end === 'ended' || phase === end || (end === 'promoted' && hasWon(experiment))) return;
  throw new CommandFailure(exitCodes.otherwise, `${key} ${phaseWords(experiment)}, and was waited for to be ${end}`);
}

/** The best variant of an ab test has the traffic then, and a shadow that nothing follows is passed. */
function hasWon({ phase, outcome }: ExperimentAnswer): boolean {
  return phase === 'concluded' && (outcome === 'winner' || outcome === 'passed');
}

function timedOut(key: string, timeoutMs: number, last: ExperimentAnswer): CommandFailure {
  return new CommandFailure(exitCodes.timedOut, `${key} ${phaseWords(last)} still after ${duration(timeoutMs)}`);
}
