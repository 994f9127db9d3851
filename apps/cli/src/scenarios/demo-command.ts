import type { Command } from 'commander';
import {
  busOption,
  positiveArgument,
  scenarioArgument,
  secondsArgument,
  seedArgument,
  type Carrier,
} from '../arguments.js';
import { scenarios, shadowScenarios, WATCHABLE_PER_SECOND, type Scenario } from './scenario.js';

interface DemoFlags {
  readonly scenario?: Scenario;
  readonly exit?: true;
  readonly seed: number;
  readonly pace?: number;
  readonly pause: number;
  readonly apart?: true;
  readonly bus: Carrier;
}

/** `teststrip demo`: the product with simulated models and traffic. Exit code 1 where a story ended otherwise than it has to. */
export function addDemoCommand(program: Command, signal: AbortSignal): void {
  program
    .command('demo')
    .description(
      'plays stories live: one control, one candidate, traffic, the pictures, and the decisions as they fall',
    )
    .option('--scenario <name>', 'plays this one again and again (default: all in turn)', scenarioArgument)
    .option(
      '--exit',
      'plays once, prints the result as JSON in the last line, and ends with 0 only if all ended as they have to',
    )
    .option('--seed <number>', 'seed of the traffic of the first round', seedArgument, 1)
    .option(
      '--pace <requests>',
      `most requests per second (default: ${WATCHABLE_PER_SECOND} for stories that end in a rollback, else, and with --exit, as many as the machine carries)`,
      positiveArgument,
    )
    .option(
      '--pause <seconds>',
      'how long a finished story is left to look at before the next one; not with --exit',
      secondsArgument,
      20,
    )
    .option('--apart', 'every service as a process of its own, as in production')
    .addOption(busOption())
    .addHelpText('after', `\nScenarios:\n${scenarioLines()}\n${EXAMPLES}`)
    .action(async ({ scenario, exit, seed, pace, pause, apart, bus }: DemoFlags) => {
      // All services come with it, which no other command is to wait for.
      const { runDemo } = await import('./demo.js');
      const right = await runDemo({
        bus,
        seed,
        scenario,
        perSecond: pace,
        pauseMs: pause * 1_000,
        exit: exit === true,
        apart: apart === true,
        out: process.stdout,
        signal,
      }).catch((error: unknown) => {
        // Ctrl-C is how a demonstration ends, at any time.
        if (signal.aborted) return true;
        throw error;
      });
      process.exitCode = right || signal.aborted ? 0 : 1;
    });
}

function scenarioLines(): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  const lines = scenarios.map(({ name, story }) => `  ${name.padEnd(width)}  ${story}`);
  return [...lines, `The same after a shadow: ${shadowScenarios.map(({ name }) => name).join(', ')}`].join('\n');
}

const EXAMPLES = `
Examples:
  teststrip demo --scenario wrong-attribute            watch a bad checkpoint being found by its pictures
  teststrip demo --scenario wrong-attribute --pace 40  the same, slower
  teststrip demo --scenario slow --exit --seed 3       headless; the result is the last line
  teststrip demo --scenario flaky --exit --bus kafka --apart

Pictures, database and logs live in a folder of their own under the system's temporary files; all of it goes when the demonstration ends.`;
