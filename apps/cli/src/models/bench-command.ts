import { Option, type Command } from 'commander';
import type { EngineName, EnginePrecision, EngineSpeed } from '#libs/scoring';
import { positiveArgument } from '../arguments.js';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { outputOption, printAnswer, tell, type OutputForm } from '../terminal/print.js';
import { benchLines } from './model-lines.js';

interface BenchCommandOptions {
  readonly engine: string;
  readonly precision: EnginePrecision;
  readonly threads: number;
  readonly batch: string;
  readonly seconds: number;
  readonly output: OutputForm;
}

/** `teststrip models bench` */
export function addBenchCommand(models: Command): void {
  models
    .command('bench')
    .description('measures pictures and texts per second of the engines on a model, decoding aside')
    .argument('<folder>', 'a model in the layout of Hugging Face')
    .option('--engine <names>', 'as SCORER_ENGINE, several with commas between; all: every one that works here', 'all')
    .addOption(new Option('--precision <type>', 'as SCORER_PRECISION').choices(['f32', 'f16']).default('f32'))
    .option('--threads <count>', 'as SCORER_THREADS', positiveArgument, 1)
    .option('--batch <sizes>', 'how many at once, several with commas between', '1,16,64')
    .option('--seconds <time>', 'for each batch size', positiveArgument, 2)
    .addOption(outputOption())
    .action(bench);
}

async function bench(folder: string, options: BenchCommandOptions): Promise<void> {
  const { benchModel, engineNames, ModelDirectoryError } = await import('#libs/scoring');
  const engines = enginesOf(options.engine, engineNames);
  const found: EngineSpeed[] = [];
  try {
    const { precision, threads, seconds } = options;
    const batches = sizesOf(options.batch);
    for await (const speed of benchModel(folder, { engines, precision, threads, batches, seconds })) {
      found.push(speed);
      tell(`${speed.engine}: ${speed.outcome}`);
    }
  } catch (error) {
    if (error instanceof ModelDirectoryError) throw new CommandFailure(exitCodes.usage, error.message);
    throw error;
  }
  printAnswer(options.output, { directory: folder, engines: found }, () => benchLines(folder, found));
}

/** @throws CommandFailure for one that is none */
function enginesOf(text: string, known: readonly EngineName[]): readonly EngineName[] {
  // Each by its own name: "tfjs" is the first of its four.
  if (text === 'all') return known.filter((name) => name !== 'tfjs');
  return text.split(',').map((name) => {
    const found = known.find((one) => one === name.trim());
    if (found !== undefined) return found;
    throw new CommandFailure(exitCodes.usage, `no engine is called "${name}", expected one of all, ${known.join(', ')}`);
  });
}

function sizesOf(text: string): readonly number[] {
  const sizes = text.split(',').map(Number);
  if (sizes.every((size) => Number.isSafeInteger(size) && size > 0 && size <= 4096)) return sizes;
  throw new CommandFailure(exitCodes.usage, `--batch ${text}: expected whole numbers from 1 to 4096, such as 1,16,64`);
}
