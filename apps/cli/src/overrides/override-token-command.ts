import { InvalidArgumentError, Option, type Command } from 'commander';
import { z } from 'zod';
import { timestamp } from '#libs/contracts';
import { durationArgument } from '../arguments.js';
import { connectApart, giveInName, LOCAL_ROUTER, type ServerOptions } from '../server/connection.js';
import { servicePath } from '../services/service-lines.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';

interface OverrideTokenOptions extends Pick<ServerOptions, 'token' | 'actor'> {
  readonly router: string;
  readonly variant: string;
  readonly validFor: number;
  readonly reason: string;
  readonly output: OutputForm;
}

const MINUTE_MS = 60_000;

const tokenAnswer = z.looseObject({ override: z.string(), token: z.string(), expiresAt: timestamp });

/** `teststrip override-token`: for people who want to see a variant before others do. */
export function addOverrideTokenCommand(program: Command): void {
  program
    .command('override-token')
    .description('lets whoever gets the token see one variant of a service until it expires')
    .argument('<service>', 'the service')
    .requiredOption(
      '--variant <name>',
      'the variant, or experiment/variant where several experiments share the service',
    )
    .requiredOption('-r, --reason <text>', "why, for the router's log")
    .addOption(
      new Option('--valid-for <duration>', 'how long it counts, such as 30m or 2d; 30 days at most')
        .argParser(minutesArgument)
        .default(60, '1h'),
    )
    .addOption(new Option('--router <url>', 'a router, at its ROUTER_ADMIN_PORT').default(LOCAL_ROUTER))
    .addOption(new Option('--token <token>', 'who you are: operator of the service (better: TESTSTRIP_TOKEN)'))
    .addOption(new Option('--actor <name>', "name in the router's log where it knows nobody (AUTH=off)"))
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action((service: string, options: OverrideTokenOptions) => issueToken(service, options));
}

const HELP = `
The token is printed here and kept nowhere: who loses it gets another one. It counts at every router that has the same ROUTER_OVERRIDE_TOKEN.
Example:
  teststrip override-token text-to-image --variant candidate --valid-for 2h --reason "QA looks at it"`;

async function issueToken(
  service: string,
  { router: url, reason, output, ...options }: OverrideTokenOptions,
): Promise<void> {
  const { variant, validFor: validForMinutes } = options;
  const connection = connectApart({ what: 'router', url, how: '--router says where its admin port is.' }, options);
  const { client } = connection;
  const answer = await giveInName(connection, (actor) =>
    client.send('POST', `${servicePath(service)}/override-tokens`, { variant, validForMinutes, reason, actor }),
  );
  const { override, token, expiresAt } = client.read(tokenAnswer, answer);
  printAnswer(output, answer, () => [
    `Requests to ${service} with these headers get ${override} until ${expiresAt}:`,
    `teststrip-override: ${override}`,
    `teststrip-override-token: ${token}`,
  ]);
}

/** Tokens count by the minute. */
function minutesArgument(text: string): number {
  const minutes = durationArgument(text) / MINUTE_MS;
  if (!Number.isSafeInteger(minutes)) throw new InvalidArgumentError('expected whole minutes, such as 30m or 2h');
  return minutes;
}
