import type { Assignment, TeststripEvent } from '#libs/contracts';
import { eventDigest } from './digest.js';

type AssignedEvent = Pick<TeststripEvent, 'id' | 'subject'> & {
  readonly data: { readonly requestId: string; readonly assignment: Assignment | null };
};

/** Which event it was, under which experiment, revision and variant it happened (nothing where no experiment applied), and to which unit. */
export function assignedColumns(event: AssignedEvent): object {
  const {
    subject,
    data: { requestId, assignment },
  } = event;
  const columns = { event_digest: eventDigest(event) };
  // Who has no name is told by the request.
  if (assignment === null) return subject === requestId ? columns : { ...columns, unit: subject };
  const { experiment, revision, variant, unit } = assignment;
  return { ...columns, experiment, revision, variant, unit };
}
