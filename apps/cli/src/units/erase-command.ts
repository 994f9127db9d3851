import { Option, type Command } from 'commander';
import { z } from 'zod';
import { connectApart, giveInName, LOCAL_RECORDER, type ServerOptions } from '../server/connection.js';
import { alignedColumns } from '../terminal/columns.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';

interface EraseOptions extends Pick<ServerOptions, 'token' | 'actor'> {
  readonly recorder: string;
  readonly reason: string;
  readonly output: OutputForm;
}

const erasedAnswer = z.object({ rows: z.record(z.string(), z.int()) });

/** The recorder reads through tables that are as large as the disk allows. */
const ERASED_WITHIN_MS = 1_800_000;

/** `teststrip erase`: the data of a person who wants to be forgotten. */
export function addEraseCommand(program: Command): void {
  program
    .command('erase')
    .description("erases a unit's data; what was counted stays")
    .argument('<unit>', 'name of the user or session, as clients say it')
    .requiredOption('-r, --reason <text>', 'why, for the record of erasures')
    .addOption(new Option('--recorder <url>', 'the recorder').default(LOCAL_RECORDER))
    .addOption(new Option('--token <token>', 'who you are: admin of every service (better: TESTSTRIP_TOKEN)'))
    .addOption(new Option('--actor <name>', 'name in the record where the recorder knows nobody (AUTH=off)'))
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action((unit: string, options: EraseOptions) => erase(unit, options));
}

const HELP = `
Requests, prompts, addresses of pictures, scores, embeddings and feedback of the unit go, and its prompts in judgements. The pictures
themselves are the service's to delete. The log of the bus forgets by its retention; what is read from it again of the time before
the erasure is left out.
Example:
  teststrip erase user-7f3a --reason "asked for by the user, ticket 4711"`;

async function erase(unit: string, { recorder: url, reason, output, ...options }: EraseOptions): Promise<void> {
  const how = '--recorder says where it is.';
  const recorder = { what: 'recorder', url, how, answerWithinMs: ERASED_WITHIN_MS };
  const connection = connectApart(recorder, options);
  const { client } = connection;
  const answer = await giveInName(connection, (actor) => client.send('POST', '/v1/erasures', { unit, reason, actor }));
  const { rows } = client.read(erasedAnswer, answer);
  const lines = Object.entries(rows).map(([table, count]) => [table, String(count)]);
  printAnswer(output, answer, () => alignedColumns([['TABLE', 'ROWS'], ...lines]));
}
