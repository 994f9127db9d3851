import type { Command } from 'commander';
import { busOption, scenarioArgument, seedsArgument, type Carrier } from '../arguments.js';
import { scenarios, shadowScenarios, type Scenario } from './scenario.js';

interface ScenariosFlags {
  readonly seeds: readonly number[];
  readonly only?: readonly Scenario[];
  readonly shadow?: true;
  readonly bus: Carrier;
}

const INTERRUPTED = 130;

/** `teststrip scenarios`: every story, headless. Exit code 1 where one ended otherwise than it has to. */
export function addScenariosCommand(program: Command, signal: AbortSignal): void {
  program
    .command('scenarios')
    .description('plays all stories headless, one after another, and prints a table')
    .option(
      '--seeds <list>',
      'seeds of the traffic, such as "1-5" or "1,4,9"; each story is played with each (default: 1)',
      seedsArgument,
    )
    .option('--only <names...>', 'only these scenarios', (name: string, before: Scenario[] | undefined) => [
      ...(before ?? []),
      scenarioArgument(name),
    ])
    .option('--shadow', 'those with a shadow before the ramp')
    .addOption(busOption())
    .addHelpText(
      'after',
      `
Scenarios: ${scenarios.map(({ name }) => name).join(', ')}
With a shadow: ${shadowScenarios.map(({ name }) => name).join(', ')}

Examples:
  teststrip scenarios                                        nine stories, about ten minutes on two cores
  teststrip scenarios --seeds 1-3 --only wrong-attribute slow
  teststrip scenarios --shadow                               seven of them after a shadow
  teststrip scenarios --bus kafka`,
    )
    .action(async ({ seeds, only, shadow, bus }: ScenariosFlags) => {
      const { runScenarios } = await import('./all-scenarios.js');
      const right = await runScenarios({
        bus,
        seeds: seeds ?? [1],
        scenarios: only ?? (shadow ? shadowScenarios : scenarios),
        out: process.stdout,
        progress: process.stderr,
        signal,
      });
      process.exitCode = signal.aborted ? INTERRUPTED : right ? 0 : 1;
    });
}
