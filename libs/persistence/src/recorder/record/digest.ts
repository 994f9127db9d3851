import type { TeststripEvent } from '#libs/contracts';
import { factDigest } from '../../schema/fact-keys.js';

/** By which an event is known. */
export function eventDigest(event: Pick<TeststripEvent, 'id' | 'type' | 'data'>): string {
  return factDigest(aboutOf(event), event.id);
}

/** Of a generation and a score the generation, else the request. */
function aboutOf({ type, data }: Pick<TeststripEvent, 'type' | 'data'>): string {
  const { requestId, generationId } = data as { readonly requestId: string; readonly generationId: string };
  return type === 'generation.completed.v1' || type === 'image.scored.v1' ? generationId : requestId;
}
