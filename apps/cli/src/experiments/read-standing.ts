import { CommandFailure, exitCodes } from '../exit-codes.js';
import type { ExperimentStanding } from './status-lines.js';
import { RefusedByServer } from '../server/api-client.js';
import { experimentAnswer, serviceAnswer, summaryAnswer, type ExperimentAnswer } from '../server/answers.js';
import type { Connection } from '../server/connection.js';
import { servicePath } from '../services/service-lines.js';

export function experimentPath(key: string): string {
  return `/v1/experiments/${encodeURIComponent(key)}`;
}

export function summaryPath(key: string): string {
  return `/api/experiments/${encodeURIComponent(key)}`;
}

export async function readExperiment({ decision }: Connection, key: string): Promise<ExperimentAnswer> {
  return decision.read(experimentAnswer, await decision.get(experimentPath(key)));
}

/** Without the reports it is known where an experiment stands all the same, only not by which figures. */
export async function readStanding(connection: Connection, key: string): Promise<ExperimentStanding> {
  const [experiment, figures] = await Promise.all([readExperiment(connection, key), readFigures(connection, key)]);
  return { experiment, isFrozen: await isFrozen(connection, experiment), ...figures };
}

/** Whether an experiment stands still because its service does. */
export async function isFrozen({ decision }: Connection, { phase, service }: ExperimentAnswer): Promise<boolean> {
  if (phase !== 'paused' || !service) return false;
  return decision.read(serviceAnswer, await decision.get(servicePath(service))).mode !== 'open';
}

/** What was read, or undefined while the server is away, which `tell` is told. */
export async function unlessAway<Read>(
  reading: Promise<Read>,
  tell: (why: CommandFailure) => void,
): Promise<Read | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.exitCode !== exitCodes.unreachable) throw error;
    tell(error);
    return undefined;
  }
}

async function readFigures(
  { reports }: Connection,
  key: string,
): Promise<Omit<ExperimentStanding, 'experiment' | 'isFrozen'>> {
  try {
    return { summary: reports.read(summaryAnswer, await reports.get(summaryPath(key))), without: undefined };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const isUnheard = error instanceof RefusedByServer && error.problem.status === 404;
    return { summary: undefined, without: isUnheard ? undefined : error.message };
  }
}
