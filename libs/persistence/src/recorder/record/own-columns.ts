import type { TeststripEvent } from '#libs/contracts';
import { eventDigest } from './digest.js';

type FactEvent = TeststripEvent<
  'request.routed.v1' | 'generation.completed.v1' | 'image.scored.v1' | 'feedback.recorded.v1'
>;

/** Which event it was, and of which unit. */
export function ownColumns(event: FactEvent): { readonly event_digest: string; readonly unit?: string } {
  const {
    subject,
    data: { requestId, assignment },
  } = event;
  const event_digest = eventDigest(event);
  if (assignment !== null) return { event_digest, unit: assignment.unit };
  // Who has no name is told by the request.
  return subject === requestId ? { event_digest } : { event_digest, unit: subject };
}
