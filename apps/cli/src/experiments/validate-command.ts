import type { Command } from 'commander';
import { ExperimentFileError, parseExperimentFile, type ExperimentFileProblem } from '#libs/contracts';
import { knownMetrics } from '#libs/evidence';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { readFileOrInput } from './experiment-file.js';

interface ValidateOptions {
  readonly file: readonly string[];
  readonly output: OutputForm;
}

/** What a file is, or what is wrong with it. */
interface Validated {
  readonly file: string;
  readonly problems: readonly ExperimentFileProblem[];
  readonly experiment?: { readonly kind: string; readonly key: string; readonly service: string };
}

/** `teststrip validate`: what the server would say of files, without one. */
export function addValidateCommand(program: Command): void {
  program
    .command('validate')
    .description('checks experiment files without a server: file, line, what was expected')
    .requiredOption('-f, --file <paths...>', 'the experiment files; - reads standard input')
    .addOption(outputOption('table for people, json or yaml with all problems for programs'))
    .action(({ file: paths, output }: ValidateOptions) => {
      const wrong: string[] = [];
      const validated = paths.map((path) => validate(path, (message) => wrong.push(message)));
      printAnswer(output, validated, () => validated.flatMap(({ file, experiment }) => rightLine(file, experiment)));
      if (wrong.length > 0) throw new CommandFailure(exitCodes.usage, wrong.join('\n'));
    });
}

function validate(path: string, complain: (message: string) => void): Validated {
  const { name, bytes } = readFileOrInput(path);
  try {
    const { key, kind, service } = parseExperimentFile(bytes.toString('utf8'), name, knownMetrics);
    return { file: name, problems: [], experiment: { kind, key, service } };
  } catch (error) {
    if (!(error instanceof ExperimentFileError)) throw error;
    complain(error.message);
    return { file: name, problems: error.problems };
  }
}

function rightLine(file: string, experiment: Validated['experiment']): readonly string[] {
  if (experiment === undefined) return [];
  const { kind, key, service } = experiment;
  return [`${file}: right (${kind} ${key} on ${service})`];
}
