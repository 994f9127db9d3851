import { Option, type Command } from 'commander';
import { connect, withServerOptions, type ServerOptions } from '../server/connection.js';
import { awaitedEnds, timeoutOption, waitUntil, type AwaitedEnd } from './wait-until.js';

interface WaitOptions extends ServerOptions {
  readonly for: AwaitedEnd;
  readonly timeout: number;
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
      .addOption(timeoutOption()),
  ).action((key: string, options: WaitOptions) =>
    waitUntil(connect(options), { key, end: options.for, timeoutMs: options.timeout, signal }),
  );
}
