import type { TeststripEvent } from '#libs/contracts';
import { factDigest } from '../../schema/fact-keys.js';

/** It is asked when an event is looked for, and for each row that is written of it. */
const digests = new WeakMap<object, string>();

/** By which an event is known. */
export function eventDigest(event: FactEvent): string {
  const known = digests.get(event);
  if (known !== undefined) return known;
  const digest = factDigest(aboutOf(event), event.id);
  digests.set(event, digest);
  return digest;
}

export type FactEvent = Pick<TeststripEvent, 'id' | 'type' | 'data'>;

/** Of a generation and a score the generation, else the request. */
function aboutOf({ type, data }: FactEvent): string {
  const { requestId, generationId } = data as { readonly requestId: string; readonly generationId: string };
  return type === 'generation.completed.v1' || type === 'image.scored.v1' ? generationId : requestId;
}
