import type { Command } from 'commander';
import { z } from 'zod';
import { decisionsAnswer, type LoggedAnswer } from '../server/answers.js';
import { connect, withServerOptions, type ServerOptions } from '../server/connection.js';
import { alignedColumns } from '../terminal/columns.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { experimentPath } from './read-standing.js';

interface EventsOptions extends ServerOptions {
  readonly output: OutputForm;
}

/** `teststrip events`: the audit log of an experiment. */
export function addEventsCommand(program: Command): void {
  withServerOptions(
    program
      .command('events')
      .description('prints the audit log: what was decided, by whom, why')
      .argument('<key>', 'the experiment')
      .addOption(outputOption()),
  ).action(async (key: string, options: EventsOptions) => {
    const { decision } = connect(options);
    const answer = await decision.get(`${experimentPath(key)}/decisions`);
    const { decisions } = decision.read(decisionsAnswer, answer);
    printAnswer(options.output, answer, () => eventLines(decisions));
  });
}

export function eventLines(events: readonly LoggedAnswer[]): readonly string[] {
  const rows = events.map(({ sequence, at, kind, actor, event }) => [
    String(sequence),
    at,
    kind,
    actor,
    messageOf(event),
  ]);
  return alignedColumns([['#', 'at', 'what', 'who', 'why'], ...rows]);
}

const withWords = z.object({
  command: z.object({ message: z.string() }).optional(),
  message: z.string().optional(),
  note: z.string().optional(),
  changes: z.array(z.string()).optional(),
  experiment: z.string().optional(),
});

function messageOf(event: unknown): string {
  const { data } = withWords.safeParse(event);
  if (!data) return '';
  const { command, message, note, changes, experiment } = data;
  return command?.message ?? message ?? (changes?.join(', ') || note || experiment || '');
}
