import type { Command } from 'commander';
import {
  busVariables,
  openBusAsItIs,
  readDeadLetters,
  redriveDeadLetters,
  UnknownTopicError,
  whyNotRedriven,
  type DeadLetter,
  type EventBus,
} from '#libs/messaging';
import { readConfig } from '#libs/platform';
import { positiveArgument } from '../arguments.js';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { alignedColumns } from '../terminal/columns.js';
import { outputOption, printAnswer, printLines, type OutputForm } from '../terminal/print.js';

interface Selection {
  readonly topic?: string;
  readonly group?: string;
  /** Those that were published again as well. */
  readonly all?: true;
}

interface ListOptions extends Selection {
  readonly limit: number;
  readonly output: OutputForm;
}

interface ShowOptions {
  readonly output: OutputForm;
}

/** `teststrip dead-letters`: messages that a consumer has given up, straight from the bus of the services. */
export function addDeadLettersCommand(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('lists messages that a consumer has given up, shows one, or publishes them again')
    .addHelpText('after', HELP);
  withSelection(letters.command('list').description('lists the newest, with the reason of each'))
    .option('-a, --all', 'those that were published again as well')
    .option('--limit <number>', 'how many', positiveArgument, 50)
    .addOption(outputOption())
    .action((options: ListOptions) => withBus((bus) => list(bus, options)));
  letters
    .command('show')
    .description('prints a message as it was received, and why it was given up')
    .argument('<letter>', 'as it is listed, for example generation.completed.v1:17')
    .addOption(outputOption())
    .action((id: string, options: ShowOptions) => withBus((bus) => show(bus, id, options)));
  withSelection(
    letters
      .command('redrive')
      .description('publishes messages again, each for the group that has given it up')
      .argument('[letters...]', 'as they are listed'),
  )
    .option('-a, --all', 'of the selection also those that were published again before')
    .action((ids: readonly string[], options: Selection) => withBus((bus) => redrive(bus, ids, options)));
}

function withSelection(command: Command): Command {
  return command
    .option('--topic <topic>', 'those of one topic')
    .option('--group <group>', 'those that one consumer group has given up, such as recorder');
}

const HELP = `
It opens the bus by BUS, KAFKA_BROKERS (and what else is named KAFKA_…), DATABASE_URL or DATA_DIR, as the services do.
What was given up for a reason that is mended (a newer version, a constraint) goes on with redrive; only the group
that has given it up takes it then. What is wrong in itself is given up again, as another letter.
Examples:
  teststrip dead-letters list --group recorder
  teststrip dead-letters show generation.completed.v1:17
  teststrip dead-letters redrive --topic generation.completed.v1`;

/** What Postgres says of a table that is not there. */
const NO_SUCH_TABLE = '42P01';

async function withBus(work: (bus: EventBus) => Promise<void>): Promise<void> {
  const { bus, close } = await openBusAsItIs(readConfig(busVariables), 'cli').catch(orNoService);
  try {
    await work(bus).catch(orNoService);
  } finally {
    await close();
  }
}

function orNoService(error: unknown): never {
  const isEmpty = error instanceof UnknownTopicError || (error as { readonly code?: unknown }).code === NO_SUCH_TABLE;
  if (!isEmpty) throw error;
  throw new CommandFailure(exitCodes.refused, 'no service has run on this bus yet, or there is no such topic');
}

async function list(bus: EventBus, options: ListOptions): Promise<void> {
  const letters = await selectedLetters(bus, options);
  const selected = letters.toSorted((one, other) => other.buriedAt.localeCompare(one.buriedAt));
  const newest = selected.slice(0, options.limit);
  printAnswer(options.output, { letters: newest.map(inWords), of: selected.length }, () =>
    listLines(newest, selected.length),
  );
}

function listLines(letters: readonly DeadLetter[], of: number): readonly string[] {
  if (of === 0) return ['no message was given up'];
  const rows = letters.map(({ id, buriedAt, group, redrivenAt, reason }) => [
    id,
    buriedAt,
    group,
    redrivenAt ?? '',
    shortened(reason),
  ]);
  const more = of > letters.length ? [`and ${of - letters.length} older ones (--limit)`] : [];
  return [...alignedColumns([['letter', 'given up', 'by', 'published again', 'why'], ...rows]), ...more];
}

/** Characters of a reason in a list; all of it is shown of one letter. */
const LONGEST_LISTED = 120;

function shortened(reason: string): string {
  return reason.length <= LONGEST_LISTED ? reason : `${reason.slice(0, LONGEST_LISTED)} …`;
}

async function show(bus: EventBus, id: string, { output }: ShowOptions): Promise<void> {
  const letter = await found(bus, id);
  const words = inWords(letter);
  printAnswer(output, words, () => {
    const { headers, value, ...facts } = words;
    const rows = Object.entries(facts).filter(([, fact]) => fact !== undefined && fact !== null);
    return [
      ...alignedColumns(rows.map(([name, fact]) => [name, String(fact)])),
      'headers',
      ...Object.entries(headers).map(([name, text]) => `  ${name}: ${text}`),
      'value',
      ...(value === null ? ['  none'] : valueLines(value)),
    ];
  });
}

/** JSON with a line for each field, anything else as it is. */
function valueLines(value: string): readonly string[] {
  try {
    return JSON.stringify(JSON.parse(value), null, 2)
      .split('\n')
      .map((line) => `  ${line}`);
  } catch {
    return [`  ${value}`];
  }
}

async function redrive(bus: EventBus, ids: readonly string[], options: Selection): Promise<void> {
  const isSelection = options.topic !== undefined || options.group !== undefined;
  if (ids.length > 0 === isSelection)
    throw new CommandFailure(exitCodes.usage, 'say which: letters by name, or --topic and --group');
  const letters = isSelection ? await selectedLetters(bus, options) : await foundAll(bus, ids);
  const able = letters.filter((letter) => whyNotRedriven(letter) === undefined);
  await redriveDeadLetters(bus, able, Date.now());
  for (const group of new Set(able.map((letter) => letter.group)))
    printLines([`${able.filter((letter) => letter.group === group).length} published again for ${group}`]);
  if (letters.length === 0) printLines(['no message was given up']);
  const unable = letters.flatMap((letter) => {
    const why = whyNotRedriven(letter);
    return why === undefined ? [] : [`${letter.id}: ${why}`];
  });
  if (unable.length === 0) return;
  throw new CommandFailure(exitCodes.refused, `${unable.length} can't be published again:\n${unable.join('\n')}`);
}

async function selectedLetters(bus: EventBus, { topic, group, all }: Selection): Promise<readonly DeadLetter[]> {
  const letters = await readDeadLetters(bus, topic === undefined ? undefined : [topic]);
  return letters.filter(
    (letter) => (group === undefined || letter.group === group) && (all === true || letter.redrivenAt === undefined),
  );
}

async function found(bus: EventBus, id: string): Promise<DeadLetter> {
  const [letter] = await foundAll(bus, [id]);
  return letter!;
}

async function foundAll(bus: EventBus, ids: readonly string[]): Promise<readonly DeadLetter[]> {
  const wanted = [...new Set(ids)];
  const letters = await readDeadLetters(bus, [...new Set(wanted.map((id) => id.slice(0, id.lastIndexOf(':'))))]);
  const byId = new Map(letters.map((letter) => [letter.id, letter]));
  const unknown = wanted.find((id) => !byId.has(id));
  if (unknown === undefined) return wanted.map((id) => byId.get(id)!);
  throw new CommandFailure(exitCodes.refused, `there is no letter "${unknown}"; teststrip dead-letters list has them`);
}

/** Bytes as text; what is no UTF-8 in hexadecimal digits. */
function inWords(letter: DeadLetter) {
  return {
    ...letter,
    key: letter.key && textOf(letter.key),
    headers: Object.fromEntries(Object.entries(letter.headers).map(([name, bytes]) => [name, textOf(bytes)])),
    value: letter.value && textOf(letter.value),
  };
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return `hex:${bytes.toString('hex')}`;
  }
}
