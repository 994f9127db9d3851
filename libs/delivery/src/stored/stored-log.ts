import { messageAt } from '#libs/contracts';
import { deliveryEvent, type DeliveryEvent } from '../events.js';
import { rebuild } from '../evolve.js';
import type { DeliveryState } from '../state.js';
import { upcast } from './upcast.js';

/** A log of one experiment that can't be read: somebody has to look at it, no decision is taken on a guess. */
export class BrokenLogError extends Error {
  override readonly name = 'BrokenLogError';
}

/** A decision event as it is kept, whichever version of the code wrote it. */
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
  const parsed = deliveryEvent.safeParse(upcastOrThrow(sequence, kind, data));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => messageAt(path, message));
  throw new BrokenLogError(`decision event ${sequence} (${kind}) can't be read: ${problems.join('; ')}`);
}

function upcastOrThrow(sequence: number, kind: string, data: unknown): unknown {
  try {
    return upcast(data);
  } catch (error) {
    throw new BrokenLogError(`decision event ${sequence} (${kind}) can't be read: ${(error as Error).message}`);
  }
}
