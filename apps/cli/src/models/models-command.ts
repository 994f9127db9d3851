import { Option, type Command } from 'commander';
import type { EngineName, EnginePrecision, InspectedModel } from '#libs/scoring';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { addAddCommand } from './add-command.js';
import { addBenchCommand } from './bench-command.js';
import { addConvertCommand } from './convert-command.js';
import { findModels } from './find-models.js';
import { addPullCommand } from './pull/pull-command.js';
import { checkLines, modelLines } from './model-lines.js';

interface ListOptions {
  readonly output: OutputForm;
}

interface VerifyCommandOptions extends ListOptions {
  readonly engine: EngineName | 'auto';
  readonly precision: EnginePrecision;
}

/** `teststrip models`: gets models, and says what the scorer would say of those on this machine, without starting it. */
export function addModelsCommand(program: Command, signal: AbortSignal): void {
  const models = program
    .command('models')
    .description('gets models that score pictures, and says what they are and whether they can be used')
    .addHelpText('after', HELP);
  models
    .command('list')
    .description('describes the model in a folder, or those in the folders inside it; weights are not looked at')
    .argument('<folder>', 'a model in the layout of Hugging Face, or a folder of some')
    .addOption(outputOption())
    .action(list);
  models
    .command('verify')
    .description('tries a model: every tensor is there and finite, an engine starts, golden embeddings come out')
    .argument('<folder>', 'a model in the layout of Hugging Face')
    .option('--engine <name>', 'as SCORER_ENGINE', 'onnx')
    .addOption(new Option('--precision <type>', 'as SCORER_PRECISION').choices(['f32', 'f16']).default('f32'))
    .addOption(outputOption())
    .action(verify);
  addPullCommand(models, signal);
  addAddCommand(models);
  addConvertCommand(models);
  addBenchCommand(models);
}

const HELP = `
None of them needs a server. verify and bench start an engine, which writes the model's graphs as the scorer does.
Examples:
  teststrip models pull openai/clip-vit-base-patch32
  teststrip models list models
  teststrip models verify models/clip-vit-base-patch32 && echo usable`;

// The library opens image codecs and engines: it is loaded by these commands alone.

async function list(folder: string, { output }: ListOptions): Promise<void> {
  const { inspectModel } = await import('#libs/scoring');
  const found: InspectedModel[] = [];
  for (const directory of findModels(folder)) found.push(await inspectModel(directory));
  printAnswer(output, found, () => found.flatMap(modelLines));
}

async function verify(folder: string, { output, engine, precision }: VerifyCommandOptions): Promise<void> {
  const { engineNames, verifyModel } = await import('#libs/scoring');
  const known: readonly string[] = ['auto', ...engineNames];
  if (!known.includes(engine)) {
    throw new CommandFailure(exitCodes.usage, `no engine is called "${engine}", expected one of ${known.join(', ')}`);
  }
  const checks = await verifyModel(folder, { engine, precision, threads: 1 });
  printAnswer(output, { directory: folder, checks }, () => checkLines(folder, checks));
  if (checks.some(({ outcome }) => outcome === 'failed')) {
    throw new CommandFailure(exitCodes.usage, `${folder} can't be used`);
  }
}
