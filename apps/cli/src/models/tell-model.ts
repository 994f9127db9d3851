import { CommandFailure, exitCodes } from '../exit-codes.js';
import { printAnswer, type OutputForm } from '../terminal/print.js';
import { modelLines } from './model-lines.js';

/** Tells what lies in a folder now. @throws CommandFailure when it can't be used */
export async function tellModel(directory: string, output: OutputForm): Promise<void> {
  const { inspectModel } = await import('#libs/scoring');
  const found = await inspectModel(directory);
  printAnswer(output, found, () => modelLines(found));
  if (found.outcome === 'refused') throw new CommandFailure(exitCodes.usage, `${directory} can't be used`);
}
