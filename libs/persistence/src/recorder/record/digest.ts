import type { TeststripEvent } from '#libs/contracts';
import { factDigest } from '../../schema/fact-keys.js';

/** By which an event is known. */
export function eventDigest(event: Pick<TeststripEvent, 'id' | 'type' | 'data'>): string {
  return factDigest(aboutOf(event), event.id);
}

/**
 * Another one, for an event under whose id another service has said something else about what has the same name: ids are their senders', and no service keeps what is true of
 * another one out of the tables by being there before it.
 */
export function ownDigest(event: Pick<TeststripEvent, 'id' | 'type' | 'data'>): string {
  return factDigest(aboutOf(event), JSON.stringify([serviceOf(event), event.id]));
}

/** Who says it: whoever may speak for a service speaks for no other one. */
export function serviceOf({ data }: Pick<TeststripEvent, 'data'>): string {
  return (data as { readonly service: string }).service;
}

/** Of a generation and a score the generation, else the request. */
function aboutOf({ type, data }: Pick<TeststripEvent, 'type' | 'data'>): string {
  const { requestId, generationId } = data as { readonly requestId: string; readonly generationId: string };
  return type === 'generation.completed.v1' || type === 'image.scored.v1' ? generationId : requestId;
}
