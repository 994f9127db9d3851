import { experimentAnalysed, type ExperimentAnalysed } from '#libs/contracts';
import {
  BrokenLogError,
  readStoredEvent,
  readStoredServiceEvent,
  type DeliveryEvent,
  type KeptLog,
  type StoredEvent,
} from '#libs/delivery';
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
  const events = readOrFail(decisions, readStoredEvent);
  const service = serviceOf(events);
  const path = `${servicePath(service)}/events`;
  const { events: ofService } = decision.read(serviceEventsAnswer, await decision.get(path));
  return {
    service,
    events,
    serviceEvents: readOrFail(ofService, readStoredServiceEvent),
    analyses: analysesOf(decisions),
  };
}

function readOrFail<Event>(events: readonly LoggedAnswer[], read: (stored: StoredEvent) => Event): readonly Event[] {
  try {
    return events.map(({ sequence, kind, event }) => read({ sequence, kind, data: event }));
  } catch (error) {
    if (error instanceof BrokenLogError) throw new CommandFailure(exitCodes.otherwise, error.message);
    throw error;
  }
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
