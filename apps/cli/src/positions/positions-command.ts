import { Option, type Command } from 'commander';
import { openConfiguredDatabase } from '#libs/messaging';
import { listPositions, resetPositions, type Database, type ListedPosition } from '#libs/persistence';
import { commonVariables, readConfig } from '#libs/platform';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { alignedColumns } from '../terminal/columns.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';

interface ResetOptions {
  readonly to: 'earliest' | 'latest';
}

/** `teststrip positions`: how far the recorder and the analyzer have read the log, straight from the database of the services. */
export function addPositionsCommand(program: Command): void {
  const positions = program
    .command('positions')
    .description('prints how far the recorder and the analyzer have read, or says where they go on')
    .addOption(outputOption('table for people, json or yaml for programs'))
    .addHelpText('after', HELP)
    .action(({ output }: { readonly output: OutputForm }) =>
      withDatabase(async (database) => {
        const found = await listPositions(database);
        printAnswer(output, found, () => listed(found));
      }),
    );
  positions
    .command('reset')
    .description('lets a group go on at the beginning or the end of the log that the services have now')
    .argument('<group>', 'recorder or analyzer')
    .addOption(new Option('--to <where>', 'where it goes on').choices(['earliest', 'latest']).makeOptionMandatory())
    .action((group: string, { to }: ResetOptions) => withDatabase((database) => reset(database, group, to)));
}

const HELP = `
It opens the database by DATABASE_URL, or the one under DATA_DIR, as the services do.
A group is stopped where its position belongs to another log than the services have, or to none of its records:
after the carrier was changed, or a broker or database was made anew. earliest reads all that the log has,
latest leaves out what is in it.
Example:
  teststrip positions reset recorder --to earliest`;

/** What Postgres says of a table that is not there. */
const NO_SUCH_TABLE = '42P01';

async function withDatabase(work: (database: Database) => Promise<void>): Promise<void> {
  const database = await openConfiguredDatabase(readConfig(commonVariables), 'cli');
  try {
    await work(database);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== NO_SUCH_TABLE) throw error;
    throw new CommandFailure(
      exitCodes.refused,
      `no service has run on the database at ${new URL(database.url).host} yet`,
    );
  } finally {
    await database.close();
  }
}

async function reset(database: Database, group: string, to: ResetOptions['to']): Promise<void> {
  const partitions = await resetPositions(database, group, to);
  if (partitions === 0) {
    throw new CommandFailure(exitCodes.refused, `no group "${group}" keeps a position; teststrip positions lists them`);
  }
  const where = to === 'earliest' ? 'the beginning' : 'the end';
  process.stdout.write(`${group} goes on at ${where} of the log in ${partitions} partitions\n`);
}

function listed(positions: readonly ListedPosition[]): readonly string[] {
  if (positions.length === 0) return ['no group has read anything'];
  const rows = positions.map(({ group, topic, partition, nextOffset, restartAt, log }) => [
    group,
    `${topic}[${partition}]`,
    restartAt ?? String(nextOffset),
    log ?? '',
  ]);
  return alignedColumns([['GROUP', 'PARTITION', 'NEXT', 'LOG'], ...rows]);
}
