import { readFileSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { ExperimentFileError, type ExperimentSpec, parseExperimentFile } from '#libs/contracts';
import { knownMetrics } from '#libs/evidence';
import { positiveArgument, seedArgument } from '../arguments.js';
import { exitCodes } from '../exit-codes.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { DEFAULT_BASELINES, describeBaseline } from './baseline.js';
import { type OnStep, planExperiment, type PlanQuestion } from './plan-experiment.js';
import { PlanInputError } from './plan-input-error.js';
import { planLines } from './plan-text.js';

/** Silence that nobody wonders about. */
const QUIET_MS = 1_000;
const STDERR = 2;

interface PlanOptions {
  readonly file: string;
  readonly perHour: number;
  readonly assume: PlanQuestion['assumed'];
  readonly effect: PlanQuestion['effects'];
  readonly power: number;
  readonly seed: number;
  readonly output: OutputForm;
}

/** `teststrip plan`: what an experiment will take, before it begins. Exit code 2 where the input can't be planned. */
export function addPlanCommand(program: Command, signal: AbortSignal): void {
  program
    .command('plan')
    .description(
      'says what an experiment will take before it begins: requests, exposed users and hours until it decides',
    )
    .requiredOption('-f, --file <path>', 'the experiment file')
    .requiredOption(
      '--per-hour <requests>',
      'requests of the audience per hour, both variants together',
      positiveArgument,
    )
    .option('--assume <metric=value>', 'what is supposed of control, several times: see below', assumption, [])
    .option('--effect <metric=change>', 'plans a ramp with this change too, several times: alignment=-3%', effect, [])
    .option('--power <share>', 'probability with which the requests per guardrail suffice', power, 0.8)
    .option('--seed <number>', 'seed of the simulations', seedArgument, 1)
    .addOption(outputOption('table for people, json or yaml with all of it, spreads and standard errors included'))
    .addHelpText('after', assumptionHelp())
    .action((options: PlanOptions) => runPlan(options, signal));
}

async function runPlan(options: PlanOptions, signal: AbortSignal): Promise<void> {
  try {
    const plan = await planExperiment(
      {
        spec: readExperiment(options.file),
        requestsPerHour: options.perHour,
        assumed: options.assume,
        effects: options.effect,
        power: options.power,
        seed: options.seed,
      },
      progress(signal),
    );
    printAnswer(options.output, plan, () => planLines(plan));
    if (plan.guardrails.length > 0) return;
    process.stderr.write('nothing can be planned: too little is known of every guardrail\n');
    process.exitCode = exitCodes.usage;
  } catch (error) {
    if (!(error instanceof PlanInputError || error instanceof ExperimentFileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exitCodes.usage;
  }
}

function readExperiment(file: string): ExperimentSpec {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new PlanInputError(`${file}: can't be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  return parseExperimentFile(text, file, knownMetrics);
}

/** Lets signals in between the steps, and says what goes on once it takes long: in place in a terminal, a line a second elsewhere. */
function progress(signal: AbortSignal): OnStep {
  let saidAt = performance.now();
  return async (done, of, what) => {
    await setImmediate();
    if (signal.aborted) throw new PlanInputError('interrupted');
    if (performance.now() - saidAt < QUIET_MS) return;
    saidAt = performance.now();
    writeSync(STDERR, `planning, step ${done + 1} of ${of}: ${what}\n`);
  };
}

function assumptionHelp(): string {
  const defaults = Object.entries(DEFAULT_BASELINES);
  const width = Math.max(...defaults.map(([name]) => name.length));
  return [
    '',
    '--assume takes, for control:',
    '  means           metric=mean±sd, also mean+-sd: quality=0.95±0.02',
    '  rates, deeds    metric=share: error-rate=1%',
    '  upper tails     metric=sd of ln, or metric=quantile±sd of ln: latency-p95=0.3, latency-p95=800±0.3',
    'Without it:',
    ...defaults.map(([name, baseline]) => `  ${name.padEnd(width)}  ${describeBaseline(baseline)}`),
    '  Other metrics have no default.',
    '--effect takes a signed change of the value: alignment=-3%, error-rate=+1pp.',
  ].join('\n');
}

function power(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError(`"${text}": expected a number between 0 and 1`);
  return value;
}

function assumption(text: string, before: PlanQuestion['assumed']): PlanQuestion['assumed'] {
  const [metric, value] = parts(text, 'quality=0.95±0.02');
  return [...before, [metric, value]];
}

function effect(text: string, before: PlanQuestion['effects']): PlanQuestion['effects'] {
  const [metric, value] = parts(text, 'alignment=-3%');
  const match = /^([+-]\d+(?:\.\d+)?)\s*(%|pp)?$/.exec(value);
  if (!match) throw new InvalidArgumentError(`"${text}": expected a signed change such as -3%, +0.5pp or +0.02`);
  const size = match[2] === undefined ? Number(match[1]) : Number(match[1]) / 100;
  return [...before, { metric, change: { kind: match[2] === '%' ? 'relative' : 'absolute', value: size } }];
}

function parts(text: string, example: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError(`"${text}": expected for example ${example}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
