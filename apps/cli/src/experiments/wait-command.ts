import { Option, type Command } from 'commander';
import { connect, withServerOptions, type ServerOptions } from '../server/connection.js';
import { outputOption, type OutputForm } from '../terminal/print.js';
import { awaitedEnds, timeoutOption, waitUntil, type AwaitedEnd } from './wait-until.js';

interface WaitOptions extends ServerOptions {
  readonly for: AwaitedEnd;
  readonly timeout: number;
  readonly output: OutputForm;
}

/** `teststrip wait`: for pipelines; the exit code says how it ended. */
export function addWaitCommand(program: Command, signal: AbortSignal): void {
  withServerOptions(
    program
      .command('wait')
      .description('waits for the end of an experiment; the exit code says which it was')
      .argument('<key>', 'the experiment')
      .addOption(
        new Option('--for <end>', 'what to wait for; of an ab test "promoted" means that a variant has won')
          .choices(awaitedEnds)
          .default('ended'),
      )
      .addOption(timeoutOption())
      .addOption(outputOption('table for people, json or yaml as the server answers at the end')),
  ).action((key: string, options: WaitOptions) =>
    waitUntil(connect(options), { key, end: options.for, timeoutMs: options.timeout, signal, output: options.output }),
  );
}
