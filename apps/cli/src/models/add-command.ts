import { basename, extname } from 'node:path';
import { Option, type Command } from 'commander';
import type { HeadOptions } from '#libs/scoring';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { modelLines } from './model-lines.js';

interface AddOptions {
  readonly head?: string;
  readonly name?: string;
  readonly activation: HeadOptions['activation'];
  readonly headOutput: HeadOptions['output'];
  readonly output: OutputForm;
}

/** `teststrip models add` */
export function addAddCommand(models: Command): void {
  models
    .command('add')
    .description('takes a model that is here as it is now: manifest.json gets size and SHA-256 of each of its files')
    .argument('<folder>', 'a model in the layout of Hugging Face')
    .option('--head <file>', "a quality head to put in, bound to the model's embeddings: .safetensors, .pth or .json")
    .option('--name <name>', "of the head's score (default: its file's name)")
    .addOption(
      new Option('--activation <kind>', 'between the layers of the head, which weights do not say')
        .choices(['none', 'relu'])
        .default('none'),
    )
    .addOption(
      new Option('--head-output <kind>', 'whether the head gives a score or the logit of a probability')
        .choices(['score', 'probability'])
        .default('score'),
    )
    .addOption(outputOption())
    .action(add);
}

async function add(folder: string, { head, output, ...options }: AddOptions): Promise<void> {
  const { addHead, ForeignHeadError, inspectModel, ModelDirectoryError, recordManifest } = await import('#libs/scoring');
  try {
    if (head !== undefined) {
      const name = options.name ?? basename(head, extname(head));
      await addHead(folder, { file: head, name, activation: options.activation, output: options.headOutput });
    }
    const found = await inspectModel(folder);
    if (found.outcome === 'refused') throw new CommandFailure(exitCodes.usage, found.reason);
    await recordManifest(folder);
    printAnswer(output, found, () => modelLines(found));
  } catch (error) {
    if (error instanceof ModelDirectoryError || error instanceof ForeignHeadError) {
      throw new CommandFailure(exitCodes.usage, error.message);
    }
    throw error;
  }
}
