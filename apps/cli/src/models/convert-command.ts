import type { Command } from 'commander';
import type { Conversion } from '#libs/scoring';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { outputOption, type OutputForm } from '../terminal/print.js';
import { tellModel } from './tell-model.js';

interface ConvertOptions {
  readonly to?: string;
  readonly config?: string;
  readonly tokenizer?: string;
  readonly output: OutputForm;
}

/** `teststrip models convert` */
export function addConvertCommand(models: Command): void {
  models
    .command('convert')
    .description('makes safetensors of weights that PyTorch saved, without running anything that stands in them')
    .argument('<weights>', 'pytorch_model.bin, a .pt of open_clip, or a folder with one')
    .option('--to <folder>', 'where the model is put (default: the folder of the weights)')
    .option('--config <file>', "open_clip_config.json, or a file of open_clip's model_configs (default: in that folder)")
    .option('--tokenizer <folder>', 'folder with the tokenizer; all CLIPs of OpenAI and LAION have the same')
    .addOption(outputOption())
    .action(convert);
}

async function convert(from: string, { output, ...options }: ConvertOptions): Promise<void> {
  const { convertCheckpoint, ModelDirectoryError } = await import('#libs/scoring');
  try {
    const { directory }: Conversion = await convertCheckpoint({ from, ...options });
    await tellModel(directory, output);
  } catch (error) {
    if (error instanceof ModelDirectoryError) throw new CommandFailure(exitCodes.usage, error.message);
    throw error;
  }
}
