import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { parseDurationMs } from '#libs/contracts';
import { duration } from '#libs/delivery';
import { durationArgument } from '../arguments.js';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import type { ExperimentAnswer } from '../server/answers.js';
import type { Connection } from '../server/connection.js';
import { printAnswer, printLines, printOnTheWay, tell, type OutputForm } from '../terminal/print.js';
import { isFrozen, readExperiment, unlessAway } from './read-standing.js';
import { inTheWay, isOver, phaseWords, shareWords, stageWords } from './standing.js';

/** What can be waited for: ends, and the moment at which a person is needed. */
export const awaitedStates = ['promoted', 'rolled-back', 'ended', 'approval'] as const;
export type AwaitedState = (typeof awaitedStates)[number];

const LOOK_EVERY_MS = 1_000;

export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'longest time to wait, such as 30m or 2h')
    .argParser(durationArgument)
    .default(parseDurationMs('2h'), '2h');
}

export interface Wait {
  readonly key: string;
  /** Undefined: the one that is there when the waiting begins. What becomes of another one is no answer to whoever has applied this one. */
  readonly revision?: number;
  readonly awaited: AwaitedState;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** `json` and `yaml`: the experiment as it stands at the end, and beside it what changes on the way. */
  readonly output: OutputForm;
}

interface Seen {
  readonly experiment: ExperimentAnswer;
  readonly isFrozen: boolean;
}

/**
 * Waits for one revision of an experiment, and says on the way what changes. A server that is away for a while is waited for as well.
 * @throws CommandFailure with the code for pipelines where it ends otherwise, another revision takes its place, or it is not in time.
 */
export async function waitUntil(connection: Connection, wait: Wait): Promise<void> {
  const { awaited, timeoutMs, output } = wait;
  const { first, last } = await untilDone(connection, wait);
  const { experiment } = last;
  if (output !== 'table') printAnswer(output, experiment, () => []);
  if (experiment.revision !== first) throw replaced(experiment, first);
  if (!isOver(experiment)) {
    if (isThere(experiment, awaited)) return;
    throw timedOut(last, timeoutMs);
  }
  if (output === 'table' && experiment.lastCommand) printLines([experiment.lastCommand.message]);
  if (!isThere(experiment, awaited)) throw endedOtherwise(experiment, awaited);
}

/** Until it is over, what is waited for is there, another revision is, or time is up. */
async function untilDone(
  connection: Connection,
  { key, revision, awaited, timeoutMs, signal, output }: Wait,
): Promise<{ readonly first: number; readonly last: Seen }> {
  const untilMs = performance.now() + timeoutMs;
  const lookOn = unlessAwayFrom(connection, key);
  let last = revision === undefined ? undefined : await lookWhile(lookOn, { untilMs, signal });
  last ??= await look(connection, key);
  const first = revision ?? last.experiment.revision;
  let said = '';
  for (;;) {
    const line = lineOf(last);
    if (line !== said) printOnTheWay(output, [line]);
    said = line;
    const { experiment } = last;
    const leftMs = untilMs - performance.now();
    if (experiment.revision !== first || isOver(experiment) || isThere(experiment, awaited) || leftMs <= 0)
      return { first, last };
    await sleep(Math.min(LOOK_EVERY_MS, leftMs), undefined, { signal });
    last = (await lookOn()) ?? last;
  }
}

/** Whoever has just applied it knows that there is a server: one that is away for the first look is being started anew. */
async function lookWhile(
  lookOn: () => Promise<Seen | undefined>,
  { untilMs, signal }: { readonly untilMs: number; readonly signal: AbortSignal },
): Promise<Seen | undefined> {
  while (performance.now() < untilMs) {
    const seen = await lookOn();
    if (seen) return seen;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
  return undefined;
}

/** Looks; while the server is away it says so once for each reason, which for a log of a pipeline is enough. */
function unlessAwayFrom(connection: Connection, key: string): () => Promise<Seen | undefined> {
  let told = '';
  return async () => {
    const seen = await unlessAway(look(connection, key), ({ message }) => {
      if (message !== told) tell(`${message} Waiting on.`);
      told = message;
    });
    if (seen) told = '';
    return seen;
  };
}

async function look(connection: Connection, key: string): Promise<Seen> {
  const experiment = await readExperiment(connection, key);
  return { experiment, isFrozen: await isFrozen(connection, experiment) };
}

function lineOf({ experiment, isFrozen: isStill }: Seen): string {
  const line = `${experiment.key} revision ${experiment.revision} ${phaseWords(experiment)}`;
  if (isOver(experiment)) return line;
  const more = `${line}, stage ${stageWords(experiment)}, ${shareWords(experiment)}`;
  return [more, ...inTheWay(experiment, isStill)].join('; ');
}

function isThere(experiment: ExperimentAnswer, awaited: AwaitedState): boolean {
  if (awaited === 'approval') return !isOver(experiment) && (experiment.approvals?.awaited ?? null) !== null;
  if (!isOver(experiment)) return false;
  return awaited === 'ended' || experiment.phase === awaited || (awaited === 'promoted' && hasWon(experiment));
}

/** The best variant of an ab test has the traffic then, and a shadow that nothing follows is passed. */
function hasWon({ phase, outcome }: ExperimentAnswer): boolean {
  return phase === 'concluded' && (outcome === 'winner' || outcome === 'passed');
}

function endedOtherwise(experiment: ExperimentAnswer, awaited: AwaitedState): CommandFailure {
  const wanted = awaited === 'approval' ? 'wait for an approval' : `be ${awaited}`;
  const text = `${experiment.key} ${phaseWords(experiment)}, and was waited for to ${wanted}`;
  return new CommandFailure(exitCodes.otherwise, text);
}

function replaced({ key, revision }: ExperimentAnswer, waitedFor: number): CommandFailure {
  const text = `revision ${waitedFor} of ${key} was waited for, and revision ${revision} has taken its place: "teststrip events ${key}" says by whom`;
  return new CommandFailure(exitCodes.otherwise, text);
}

function timedOut({ experiment, isFrozen: isStill }: Seen, timeoutMs: number): CommandFailure {
  const still = `${experiment.key} ${phaseWords(experiment)} still after ${duration(timeoutMs)}`;
  return new CommandFailure(exitCodes.timedOut, [still, ...inTheWay(experiment, isStill)].join('; '));
}
