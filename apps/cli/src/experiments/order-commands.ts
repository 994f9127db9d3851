import { InvalidArgumentError, type Command } from 'commander';
import { experimentAnswer } from '../server/answers.js';
import { connect, giveInName, withServerOptions, type ServerOptions } from '../server/connection.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { experimentPath } from './read-standing.js';
import { effectWords, phaseWords, shareWords } from './standing.js';

interface OrderOptions extends ServerOptions {
  readonly reason?: string;
  readonly stage?: number;
  readonly variant?: string;
  readonly output: OutputForm;
}

interface OrderCommand {
  readonly name: string;
  readonly description: string;
  /** A rollback must not wait for words. */
  readonly isReasonOptional?: true;
  readonly more?: (command: Command) => Command;
}

const ORDERS: readonly OrderCommand[] = [
  {
    name: 'approve',
    description: 'gives the approval that a stage of the ramp asks for',
    more: (command) =>
      command.option('--stage <number>', 'stage to approve, 1 for the first (default: the next that asks)', stageIndex),
  },
  { name: 'pause', description: 'stops the ramp where it is, and the clock of the deadline; harm still rolls back' },
  { name: 'resume', description: 'lets a paused ramp go on' },
  {
    name: 'promote',
    description: 'gives a candidate all traffic without waiting for the proof',
    more: (command) => command.option('--variant <name>', 'which one, where there are several'),
  },
  {
    name: 'rollback',
    description: 'gives control all traffic, for good; possible at any time',
    isReasonOptional: true,
  },
  {
    name: 'drop-arm',
    description: 'takes one candidate of several out of the test; its share goes to control',
    more: (command) => command.requiredOption('--variant <name>', 'which one'),
  },
  { name: 'archive', description: 'leaves what has ended out of lists; its log stays' },
  { name: 'new-attempt', description: 'starts an ended experiment again: a new revision without evidence' },
];

/** One command for each order that an operator can give about an experiment. */
export function addOrderCommands(program: Command): void {
  for (const order of ORDERS) addOrderCommand(program, order);
}

function addOrderCommand(program: Command, { name, description, isReasonOptional, more }: OrderCommand): void {
  const command = program.command(name).description(description).argument('<key>', 'the experiment');
  const WHY = 'why, for the audit log';
  if (isReasonOptional) command.option('-r, --reason <text>', WHY);
  else command.requiredOption('-r, --reason <text>', WHY);
  withServerOptions((more?.(command) ?? command).addOption(outputOption())).action(
    (key: string, options: OrderOptions) => giveOrder(name, key, options),
  );
}

async function giveOrder(name: string, key: string, options: OrderOptions): Promise<void> {
  const connection = connect(options);
  const { decision } = connection;
  const { reason, stage, variant } = options;
  const answer = await giveInName(connection, (actor) =>
    decision.send('POST', `${experimentPath(key)}/${name}`, { actor, reason, stage, variant }),
  );
  const experiment = decision.read(experimentAnswer, answer);
  const effect = effectWords(experiment);
  printAnswer(options.output, answer, () => [
    `${key} revision ${experiment.revision} ${phaseWords(experiment)}, ${shareWords(experiment)}`,
    ...(effect === undefined ? [] : [effect]),
  ]);
}

/** People count from 1. */
function stageIndex(text: string): number {
  const stage = Number(text);
  if (!Number.isSafeInteger(stage) || stage < 1) throw new InvalidArgumentError('expected 1 for the first stage, …');
  return stage - 1;
}
