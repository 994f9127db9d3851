import { Option, type Command } from 'commander';
import type { EngineName, EnginePrecision, InspectedModel } from '#libs/scoring';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { findModels } from './find-models.js';
import { checkLines, modelLines } from './model-lines.js';

interface ListOptions {
  readonly output: OutputForm;
}

interface VerifyCommandOptions extends ListOptions {
  readonly engine: EngineName | 'auto';
  readonly precision: EnginePrecision;
}

/** `teststrip models`: what the scorer would say of models on this machine, without starting it. */
export function addModelsCommand(program: Command): void {
  const models = program
    .command('models')
    .description('says of models that score pictures what they are, and whether they can be used')
    .addHelpText('after', HELP);
  models
    .command('list')
    .description('describes the model in a folder, or those in the folders inside it; weights are not looked at')
    .argument('<folder>', 'a CLIP in the layout of Hugging Face, or a folder of some')
    .addOption(outputOption())
    .action(list);
  models
    .command('verify')
    .description('tries a model: every tensor is there and finite, an engine starts, golden embeddings come out')
    .argument('<folder>', 'a CLIP in the layout of Hugging Face')
    .option('--engine <name>', 'as SCORER_ENGINE', 'onnx')
    .addOption(new Option('--precision <type>', 'as SCORER_PRECISION').choices(['f32', 'f16']).default('f32'))
    .addOption(outputOption())
    .action(verify);
}

const HELP = `
Neither needs a server. verify starts an engine, which writes the model's graphs as the scorer does.
Examples:
  teststrip models list ~/models
  teststrip models verify ~/models/clip-vit-base-patch32 && echo usable`;

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
