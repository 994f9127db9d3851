import { experimentAnalysed, messageAt, type ExperimentAnalysed } from '#libs/contracts';
import { BrokenLogError, readStoredEvent, serviceEvent, type DeliveryEvent, type KeptLog } from '#libs/delivery';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { decisionsAnswer, serviceEventsAnswer, type LoggedAnswer } from '../server/answers.js';
import type { Connection } from '../server/connection.js';
import { servicePath } from '../services/service-lines.js';
import { experimentPath } from './read-standing.js';

/**
 * All that is kept of an experiment's decisions: its log, that of its service, and the analyses that decisions rest on.
 * @throws CommandFailure where one of the logs can't be read
 */
export async function readKeptLog({ decision }: Connection, key: string): Promise<KeptLog> {
  const log = await decision.get(`${experimentPath(key)}/decisions?analyses=true`);
  const { decisions } = decision.read(decisionsAnswer, log);
  const events = decisions.map(readDecision);
  const service = serviceOf(events);
  const path = `${servicePath(service)}/events`;
  const { events: ofService } = decision.read(serviceEventsAnswer, await decision.get(path));
  return {
    service,
    events,
    serviceEvents: ofService.map(readServiceEvent),
    analyses: analysesOf(decisions),
  };
}

function readDecision({ sequence, kind, event }: LoggedAnswer): DeliveryEvent {
  try {
    return readStoredEvent({ sequence, kind, data: event });
  } catch (error) {
    if (error instanceof BrokenLogError) throw new CommandFailure(exitCodes.otherwise, error.message);
    throw error;
  }
}

function readServiceEvent({ sequence, kind, event }: LoggedAnswer) {
  const read = serviceEvent.safeParse(event);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const why = issue ? messageAt(issue.path, issue.message) : 'it is another one';
  throw new CommandFailure(exitCodes.otherwise, `service event ${sequence} (${kind}) can't be read: ${why}`);
}

/** The first event defines the experiment. */
function serviceOf([first]: readonly DeliveryEvent[]): string {
  if (first?.type === 'defined') return first.definition.spec.service;
  throw new CommandFailure(exitCodes.otherwise, 'The log does not begin with a definition');
}

/** By index; one that can't be read is as good as none. */
function analysesOf(decisions: readonly LoggedAnswer[]): ReadonlyMap<number, ExperimentAnalysed> {
  const read = decisions.map(({ analysis }, index) => [index, experimentAnalysed.safeParse(analysis).data] as const);
  return new Map(read.flatMap(([index, analysis]) => (analysis === undefined ? [] : [[index, analysis]])));
}
