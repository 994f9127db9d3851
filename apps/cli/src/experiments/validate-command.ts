import type { Command } from 'commander';
import { ExperimentFileError, parseExperimentFile } from '#libs/contracts';
import { knownMetrics } from '#libs/evidence';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { printLines } from '../terminal/print.js';
import { readFileOrInput } from './experiment-file.js';

/** `teststrip validate`: what the server would say of files, without one. */
export function addValidateCommand(program: Command): void {
  program
    .command('validate')
    .description('checks experiment files without a server: file, line, what was expected')
    .requiredOption('-f, --file <paths...>', 'the experiment files; - reads standard input')
    .action(({ file: paths }: { readonly file: readonly string[] }) => {
      const wrong = paths.flatMap((path) => problemsOf(path) ?? []);
      if (wrong.length > 0) throw new CommandFailure(exitCodes.usage, wrong.join('\n'));
    });
}

/** Undefined where it is right, which is printed. */
function problemsOf(path: string): string | undefined {
  const { name, bytes } = readFileOrInput(path);
  try {
    const { key, kind, service } = parseExperimentFile(bytes.toString('utf8'), name, knownMetrics);
    printLines([`${name}: right (${kind} ${key} on ${service})`]);
    return undefined;
  } catch (error) {
    if (error instanceof ExperimentFileError) return error.message;
    throw error;
  }
}
