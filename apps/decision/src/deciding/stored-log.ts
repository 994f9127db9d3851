import { messageAt } from '#libs/contracts';
import { deliveryEvent, rebuild, type DeliveryEvent, type DeliveryState } from '#libs/delivery';
import type { StoredDecisionEvent } from '#libs/persistence/decision';
import { upcast } from './upcast.js';

/** A log of one experiment that can't be read: somebody has to look at it, no decision is taken on a guess. */
export class BrokenLogError extends Error {
  override readonly name = 'BrokenLogError';
}

/**
 * The state that a stored log tells.
 * @throws BrokenLogError naming the first event that can't be read, or that the events don't follow each other.
 */
export function readStoredLog(stored: readonly StoredDecisionEvent[]): DeliveryState {
  const events = stored.map(readStoredEvent);
  try {
    return rebuild(events);
  } catch (error) {
    throw new BrokenLogError(`its decision events don't follow each other: ${(error as Error).message}`);
  }
}

function readStoredEvent({ sequence, kind, data }: StoredDecisionEvent): DeliveryEvent {
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
