import { Option, type Command } from 'commander';
import { connect, withServerOptions, type ServerOptions } from '../server/connection.js';
import { outputOption, type OutputForm } from '../terminal/print.js';
import { awaitedStates, timeoutOption, waitUntil, type AwaitedState } from './wait-until.js';

interface WaitOptions extends ServerOptions {
  readonly for: AwaitedState;
  readonly timeout: number;
  readonly output: OutputForm;
}

/** `teststrip wait`: for pipelines; the exit code says how it ended. */
export function addWaitCommand(program: Command, signal: AbortSignal): void {
  withServerOptions(
    program
      .command('wait')
      .description('waits for the end of an experiment, or until it needs an approval; the exit code says which it was')
      .argument('<key>', 'the experiment; its present revision is waited for, and none that takes its place')
      .addOption(
        new Option(
          '--for <state>',
          'what to wait for; of an ab test "promoted" means that a variant has won, "approval" that nothing but an approval is missing',
        )
          .choices(awaitedStates)
          .default('ended'),
      )
      .addOption(timeoutOption())
      .addOption(outputOption('table for people, json or yaml as the server answers at the end')),
  ).action((key: string, options: WaitOptions) => {
    const { for: awaited, timeout: timeoutMs, output } = options;
    return waitUntil(connect(options), { key, awaited, timeoutMs, signal, output });
  });
}
