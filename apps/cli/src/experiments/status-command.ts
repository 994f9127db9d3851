import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { secondsArgument } from '../arguments.js';
import { connect, withServerOptions, type Connection, type ServerOptions } from '../server/connection.js';
import { outputOption, printAnswer, printOneOfMany, tell, type OutputForm } from '../terminal/print.js';
import { Screen } from '../terminal/screen.js';
import { readStanding, unlessAway } from './read-standing.js';
import { isOver } from './standing.js';
import { statusLine, statusLines, type ExperimentStanding } from './status-lines.js';

interface StatusOptions extends ServerOptions {
  readonly watch?: true;
  readonly every: number;
  readonly output: OutputForm;
}

/** `teststrip status`: where an experiment stands, by which figures, and what it waits for. */
export function addStatusCommand(program: Command, signal: AbortSignal): void {
  withServerOptions(
    program
      .command('status')
      .description('says where an experiment stands: stage, shares, a verdict per metric, what it waits for')
      .argument('<key>', 'the experiment')
      .option(
        '-w, --watch',
        'goes on until it has ended: redraws a terminal, prints a line per change elsewhere (json: an object a line; yaml: a document each)',
      )
      .option('--every <seconds>', 'how often to look, with --watch', secondsArgument, 1)
      .addOption(outputOption()),
  ).action(async (key: string, options: StatusOptions) => {
    const connection = connect(options);
    const { output } = options;
    if (options.watch) return watchStatus(connection, key, { everyMs: options.every * 1_000, signal, output });
    const standing = await readStanding(connection, key);
    printAnswer(output, withoutHints(standing), () => statusLines(standing, Date.now()));
  });
}

function withoutHints({ experiment, summary }: ExperimentStanding): unknown {
  return { experiment, summary: summary ?? null };
}

interface Watching {
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly output: OutputForm;
}

const SHORTEST_PAUSE_MS = 100;

async function watchStatus(connection: Connection, key: string, { everyMs, signal, output }: Watching): Promise<void> {
  const screen = new Screen(process.stdout);
  let said = '';
  let standing = await readStanding(connection, key);
  for (;;) {
    const line = statusLine(standing);
    if (output === 'table' && screen.isTerminal) screen.draw(statusLines(standing, Date.now()));
    else if (line !== said)
      printOneOfMany(output, withoutHints(standing), () => [`${new Date().toISOString()} ${line}`]);
    said = line;
    if (isOver(standing.experiment)) return;
    await sleep(Math.max(SHORTEST_PAUSE_MS, everyMs), undefined, { signal });
    standing = (await unlessAway(readStanding(connection, key), ({ message }) => tell(message))) ?? standing;
  }
}
