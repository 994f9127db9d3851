import { Argument, InvalidArgumentError, type Command } from 'commander';
import { experimentAnswer, experimentsAnswer, serviceAnswer, servicesAnswer } from '../server/answers.js';
import type { ExperimentAnswer } from '../server/answers.js';
import { connect, withServerOptions, type Connection, type ServerOptions } from '../server/connection.js';
import { serviceLines, servicePath, serviceTable } from '../services/service-lines.js';
import { alignedColumns } from '../terminal/columns.js';
import { outputOption, printAnswer, type OutputForm } from '../terminal/print.js';
import { experimentPath, isFrozen } from './read-standing.js';
import { ago, phaseWords, shareWords, stageWords, waitsFor } from './standing.js';

interface GetOptions extends ServerOptions {
  readonly all?: true;
  readonly output: OutputForm;
}

const KINDS = ['experiment', 'experiments', 'service', 'services'];

/** `teststrip get`: what there is, as a table or whole. */
export function addGetCommand(program: Command): void {
  withServerOptions(
    program
      .command('get')
      .description('lists experiments or services, or shows one of them')
      .addArgument(new Argument('[kind]', 'what to list').choices(KINDS).argParser(readKind).default('experiments'))
      .argument('[key]', 'this one alone')
      .option('-a, --all', 'archived experiments and deleted services as well')
      .addOption(outputOption()),
  ).action((kind: string, key: string | undefined, options: GetOptions) =>
    kind.startsWith('service') ? getServices(key, options) : getExperiments(key, options),
  );
}

/** Who types a key alone means one of something. */
function readKind(text: string): string {
  if (KINDS.includes(text)) return text;
  const kinds = `Allowed choices are ${KINDS.join(', ')}`;
  throw new InvalidArgumentError(`${kinds}: to see one of them, "teststrip get experiment ${text}".`);
}

async function getExperiments(key: string | undefined, options: GetOptions): Promise<void> {
  const connection = connect(options);
  const { decision } = connection;
  if (key === undefined) {
    const answer = await decision.get(`/v1/experiments${options.all ? '?archived=true' : ''}`);
    const { experiments } = decision.read(experimentsAnswer, answer);
    return printAnswer(options.output, answer, () => experimentTable(experiments));
  }
  const answer = await decision.get(experimentPath(key));
  const experiment = decision.read(experimentAnswer, answer);
  const isStill = await isFrozen(connection, experiment);
  printAnswer(options.output, answer, () => [
    ...experimentTable([experiment]),
    ...waitsFor(experiment, isStill, Date.now()).map((line) => `  ${line}`),
  ]);
}

async function getServices(name: string | undefined, options: GetOptions): Promise<void> {
  const { decision } = connect(options);
  if (name === undefined) return listServices(decision, options);
  const answer = await decision.get(servicePath(name));
  const service = decision.read(serviceAnswer, answer);
  printAnswer(options.output, answer, () => serviceLines(service));
}

async function listServices(decision: Connection['decision'], options: GetOptions): Promise<void> {
  const answer = await decision.get(`/v1/services${options.all ? '?deleted=true' : ''}`);
  const { services } = decision.read(servicesAnswer, answer);
  printAnswer(options.output, answer, () => serviceTable(services));
}

function experimentTable(experiments: readonly ExperimentAnswer[]): readonly string[] {
  if (experiments.length === 0) return ['There are no experiments; "teststrip apply -f FILE" begins one.'];
  const nowMs = Date.now();
  const rows = experiments.map((experiment) => [
    experiment.key,
    experiment.service ?? '–',
    experiment.kind ?? '–',
    phaseWords(experiment),
    stageWords(experiment),
    shareWords(experiment),
    experiment.lastCommand ? ago(experiment.lastCommand.commandedAt, nowMs) : '–',
  ]);
  return alignedColumns([['experiment', 'service', 'kind', 'phase', 'stage', 'share', 'last order'], ...rows]);
}
