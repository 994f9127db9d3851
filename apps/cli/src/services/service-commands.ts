import { InvalidArgumentError, type Command } from 'commander';
import { MILLION } from '#libs/contracts';
import { percent } from '#libs/delivery';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { eventLines } from '../experiments/events-command.js';
import { readExperiment } from '../experiments/read-standing.js';
import { serviceAnswer, serviceEventsAnswer } from '../server/answers.js';
import { connect, giveInName, withServerOptions, type Connection, type ServerOptions } from '../server/connection.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { serviceLines, servicePath } from './service-lines.js';

interface ServiceOptions extends ServerOptions {
  readonly output: OutputForm;
  readonly reason: string;
}

interface BaselineOptions extends ServiceOptions {
  readonly upstream?: string;
  readonly config?: readonly (readonly [string, unknown])[];
  readonly route?: string | false;
}

interface SlotsOptions extends ServiceOptions {
  readonly slot: readonly WrittenSlot[];
  readonly holdout: number;
  readonly unit: string;
}

interface WrittenSlot {
  readonly id: string;
  readonly fromPpm: number;
  readonly toPpm: number;
}

const MODES = [
  ['pause', 'lets all its ramps stand still; proven harm still rolls back; "teststrip freeze" is the same'],
  ['resume', 'lets a paused, drained or deleted service go on; "teststrip unfreeze" is the same'],
  ['drain', 'ends its experiments without a verdict and serves the baseline'],
  ['delete', 'lets routers serve it no more; its log stays'],
] as const;

/** Other names of a mode, by which the field knows it. */
const FREEZES = [
  [
    'freeze',
    'pause',
    'lets all ramps of a service stand still; proven harm still rolls back; the same as "teststrip service pause"',
  ],
  [
    'unfreeze',
    'resume',
    'lets a frozen service go on, also one that was drained or deleted; the same as "teststrip service resume"',
  ],
] as const;

/** `teststrip freeze` and `teststrip unfreeze`. */
export function addFreezeCommands(program: Command): void {
  for (const [name, mode, description] of FREEZES) addModeCommand(program, name, { mode, description });
}

/** `teststrip service …`: orders about a service itself. */
export function addServiceCommands(program: Command): void {
  const service = program.command('service').description('orders about a service itself');
  for (const [mode, description] of MODES) addModeCommand(service, mode, { mode, description });
  addBaselineCommand(service);
  addSlotsCommand(service);
  withServerOptions(
    service
      .command('events')
      .description('prints what happened to it')
      .argument('<service>', 'the service')
      .addOption(outputOption()),
  ).action(async (of: string, options: ServiceOptions) => {
    const { decision } = connect(options);
    const answer = await decision.get(`${servicePath(of)}/events`);
    const { events } = decision.read(serviceEventsAnswer, answer);
    printAnswer(options.output, answer, () => eventLines(events));
  });
}

function addModeCommand(
  parent: Command,
  name: string,
  { mode, description }: { readonly mode: (typeof MODES)[number][0]; readonly description: string },
): void {
  orderCommand(parent, name, description).action((of: string, options: ServiceOptions) =>
    orderService(connect(options), of, { ...options, method: 'POST', path: mode, body: {} }),
  );
}

function addBaselineCommand(service: Command): void {
  orderCommand(service, 'baseline', 'says how it is served when nothing runs, where that was changed by other means')
    .option('--upstream <url>', 'where it is served; together with --config')
    .option('--config <key=value>', 'its configuration, several times: --config steps=30', configArgument)
    .option('--route <route>', 'where clients ask for it: a path, or host and path')
    .option('--no-route', 'takes its route away')
    .action((of: string, { upstream, config, route, ...options }: BaselineOptions) => {
      const body = {
        upstream,
        ...(config === undefined ? {} : { config: Object.fromEntries(config) }),
        // Commander sets it to true where it is only not negated.
        ...(typeof route === 'string' ? { route } : route === false ? { route: null } : {}),
      };
      return orderService(connect(options), of, { ...options, method: 'POST', path: 'baseline', body });
    });
}

function addSlotsCommand(service: Command): void {
  orderCommand(service, 'slots', 'divides its units into slots of one experiment each, and a holdout')
    .requiredOption('--slot <id=from-to>', 'percent of its units, several times: --slot a=0-50', slotArgument)
    .option('--holdout <percent>', 'units that no experiment ever gets', percentArgument, 0)
    .option('--unit <kind>', 'who is drawn into slots: user, session or request', 'user')
    .action((of: string, { slot, holdout, unit, ...options }: SlotsOptions) =>
      orderService(connect(options), of, {
        ...options,
        method: 'PUT',
        path: 'slots',
        body: { unit, holdoutPpm: holdout, slots: slot },
      }),
    );
}

function orderCommand(parent: Command, name: string, description: string): Command {
  return withServerOptions(
    parent
      .command(name)
      .description(description)
      .argument('<service>', 'the service')
      .requiredOption('-r, --reason <text>', 'why, for the audit log')
      .addOption(outputOption()),
  );
}

interface ServiceOrder extends Pick<ServiceOptions, 'reason' | 'output'> {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

async function orderService(connection: Connection, of: string, order: ServiceOrder): Promise<void> {
  const { decision } = connection;
  const { method, path, body, reason, output } = order;
  const answer = await giveInName(connection, (actor) =>
    decision.send(method, `${servicePath(of)}/${path}`, { ...body, actor, reason }),
  );
  const service = decision.read(serviceAnswer, answer);
  printAnswer(output, answer, () => serviceLines(service));
}

interface RetryOptions extends ServiceOptions {
  readonly service?: string;
  readonly fingerprint?: string;
}

/** `teststrip retry`: what was rolled back may be tried again, by name of the experiment or by fingerprint. */
export function addRetryCommand(program: Command): void {
  withServerOptions(
    program
      .command('retry')
      .description('lets a configuration that was rolled back be tried again')
      .argument('[key]', 'the experiment whose candidates were rolled back')
      .option('--service <name>', 'instead: the service, with --fingerprint')
      .option('--fingerprint <fingerprint>', 'of the configuration; "teststrip get service NAME" lists them')
      .requiredOption('-r, --reason <text>', 'why, for the audit log')
      .addOption(outputOption()),
  ).action(async (key: string | undefined, options: RetryOptions) => {
    const connection = connect(options);
    const { service, fingerprints } = await latchesOf(connection, key, options);
    for (const fingerprint of fingerprints)
      await orderService(connection, service, { ...options, method: 'POST', path: 'retry', body: { fingerprint } });
  });
}

interface Latches {
  readonly service: string;
  readonly fingerprints: readonly string[];
}

async function latchesOf(connection: Connection, key: string | undefined, options: RetryOptions): Promise<Latches> {
  const { service, fingerprint } = options;
  if (key === undefined && service !== undefined && fingerprint !== undefined)
    return { service, fingerprints: [fingerprint] };
  if (key === undefined || service !== undefined || fingerprint !== undefined) {
    const expected = 'expected the key of an experiment, or --service and --fingerprint';
    throw new CommandFailure(exitCodes.usage, `retry: ${expected}`);
  }
  const experiment = await readExperiment(connection, key);
  const name = experiment.service ?? '';
  const { latched } = connection.decision.read(serviceAnswer, await connection.decision.get(servicePath(name)));
  const own = new Set(Object.values(experiment.fingerprints));
  const found = latched.filter((latch) => own.has(latch.fingerprint)).map((latch) => latch.fingerprint);
  if (found.length > 0) return { service: name, fingerprints: found };
  throw new CommandFailure(exitCodes.refused, `${key}: none of its configurations is rolled back on ${name}`);
}

/** "steps=30" → ['steps', 30]; numbers and true or false are read as such, all else is text. */
function configArgument(text: string, before: BaselineOptions['config'] = []): NonNullable<BaselineOptions['config']> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected for example steps=30');
  return [...before, [text.slice(0, at), valueOf(text.slice(at + 1))]];
}

function valueOf(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function slotArgument(text: string, before: readonly WrittenSlot[] = []): readonly WrittenSlot[] {
  const match = /^([^=]+)=(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text);
  if (!match) throw new InvalidArgumentError('expected a name and percentages, for example a=0-50');
  const [, id, from, to] = match as unknown as readonly [string, string, string, string];
  return [...before, { id, fromPpm: percentArgument(from), toPpm: percentArgument(to) }];
}

function percentArgument(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 100))
    throw new InvalidArgumentError(`"${text}": expected ${percent(0)} to ${percent(MILLION)}`);
  return Math.round((value / 100) * MILLION);
}
