import type { z } from 'zod';
import { messageAt } from '#libs/contracts';
import { deliveryEvent, type DeliveryEvent } from '../events.js';
import { rebuild } from '../evolve.js';
import { serviceEvent, type ServiceEvent } from '../service/events.js';
import type { DeliveryState } from '../state.js';
import { upcast } from './upcast.js';

/** A log of one experiment that can't be read: somebody has to look at it, no decision is taken on a guess. */
export class BrokenLogError extends Error {
  override readonly name = 'BrokenLogError';
}

/** An event of an experiment or a service as it is kept, whichever version of the code wrote it. */
export interface StoredEvent {
  readonly sequence: number;
  readonly kind: string;
  readonly data: unknown;
}

/**
 * The state that a stored log tells.
 * @throws BrokenLogError naming the first event that can't be read, or that the events don't follow each other.
 */
export function readStoredLog(stored: readonly StoredEvent[]): DeliveryState {
  const events = stored.map(readStoredEvent);
  try {
    return rebuild(events);
  } catch (error) {
    throw new BrokenLogError(`its decision events don't follow each other: ${(error as Error).message}`);
  }
}

/** @throws BrokenLogError where the event can't be read. */
export function readStoredEvent({ sequence, kind, data }: StoredEvent): DeliveryEvent {
  const what = `decision event ${sequence} (${kind})`;
  return parsedOrThrow(what, deliveryEvent.safeParse(upcastOrThrow(what, data)));
}

/** The same for an event of a service's own log. */
export function readStoredServiceEvent({ sequence, kind, data }: StoredEvent): ServiceEvent {
  return parsedOrThrow(`service event ${sequence} (${kind})`, serviceEvent.safeParse(data));
}

function parsedOrThrow<Event>(what: string, parsed: z.ZodSafeParseResult<Event>): Event {
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => messageAt(path, message));
  throw new BrokenLogError(`${what} can't be read: ${problems.join('; ')}`);
}

function upcastOrThrow(what: string, data: unknown): unknown {
  try {
    return upcast(data);
  } catch (error) {
    throw new BrokenLogError(`${what} can't be read: ${(error as Error).message}`);
  }
}
