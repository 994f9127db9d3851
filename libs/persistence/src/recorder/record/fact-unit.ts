import type { TeststripEvent } from '#libs/contracts';

type FactEvent = TeststripEvent<
  'request.routed.v1' | 'generation.completed.v1' | 'image.scored.v1' | 'feedback.recorded.v1'
>;

/** Whose fact it is; undefined: of nobody with a name. */
export function factUnit({ subject, data: { requestId, assignment } }: FactEvent): string | undefined {
  if (assignment !== null) return assignment.unit;
  // Who has no name is told by the request.
  return subject === requestId ? undefined : subject;
}
