#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander';
import { Logger } from '@nestjs/common';
import { createLogger } from '#libs/platform';
import { addPlanCommand } from './planning/plan-command.js';
import { runDemo, runScenarios } from './scenarios/demo.js';
import { findScenario, scenarios, type Scenario } from './scenarios/scenario.js';

const program = new Command('teststrip')
  .description('Ships changes to image-generation models safely.')
  .showHelpAfterError();
Logger.overrideLogger(createLogger({ LOG_LEVEL: 'warn', LOG_FORMAT: 'text' }, 'teststrip'));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

const busOption = (): Option =>
  new Option('--bus <carrier>', 'carrier of the event bus').choices(['postgres', 'kafka']).default('postgres');

program
  .command('demo')
  .description('plays scenarios live: one control, one candidate, traffic, and the decisions as they fall')
  .option('--scenario <name>', `one of ${scenarios.map(({ name }) => name).join(', ')}`, scenarioArgument)
  .option(
    '--exit',
    'play the scenario once, print its result as JSON in the last line, exit 0 only if it ended as it has to',
  )
  .option('--seed <number>', 'seed of the traffic', seedArgument, 1)
  .option('--apart', 'every service as a process of its own')
  .addOption(busOption())
  .action(
    async (options: {
      apart?: boolean;
      scenario?: Scenario;
      exit?: boolean;
      seed: number;
      bus: 'postgres' | 'kafka';
    }) => {
      const right = await runDemo({
        bus: options.bus,
        seed: options.seed,
        scenario: options.scenario,
        exit: options.exit === true,
        apart: options.apart === true,
        out: process.stdout,
        signal: interrupted.signal,
      });
      process.exitCode = right || interrupted.signal.aborted ? 0 : 1;
    },
  );

program
  .command('scenarios')
  .description('plays all scenarios headless and prints a table')
  .option('--seeds <list>', 'seeds such as "1-5" or "1,4,9"', seedsArgument, [1])
  .option('--only <names...>', 'only these scenarios', (name: string, before: Scenario[] | undefined) => [
    ...(before ?? []),
    scenarioArgument(name),
  ])
  .addOption(busOption())
  .action(async (options: { seeds: number[]; only?: Scenario[]; bus: 'postgres' | 'kafka' }) => {
    const right = await runScenarios({
      bus: options.bus,
      seeds: options.seeds,
      scenarios: options.only ?? scenarios,
      out: process.stdout,
      signal: interrupted.signal,
    });
    process.exitCode = right ? 0 : 1;
  });

addPlanCommand(program, interrupted.signal);

function scenarioArgument(name: string): Scenario {
  try {
    return findScenario(name);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function seedArgument(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0)
    throw new InvalidArgumentError(`"${text}": expected a whole number from 0 up`);
  return seed;
}

function seedsArgument(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (!range) throw new InvalidArgumentError(`"${part}": expected a number or a range such as 1-5`);
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
  });
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
