import type { Assignment } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { RequestView } from '../../schema/entities/request.view.js';
import { isAbout } from './is-about.js';

export interface RecordedRequest {
  readonly requestId: string;
  readonly service: string;
  /** null: no experiment applied. */
  readonly assignment: Assignment | null;
}

/** The request as it was last seen; undefined when it was not recorded (yet, or any more). */
export async function findRequest(database: Database, requestId: string): Promise<RecordedRequest | undefined> {
  const reads = await database.reads();
  const request = await reads.findOne(RequestView, {
    where: { requestId, eventDigest: isAbout(requestId) },
    order: { startedAt: 'desc' },
  });
  return request ? { requestId, service: request.service, assignment: assignmentOf(request) } : undefined;
}

/** What the requests of a variant share, and what is this one's own. */
function assignmentOf({ assignment, unit, assignedAt, pair }: RequestView): Assignment | null {
  return (
    assignment && {
      ...assignment,
      unit: unit ?? '',
      ...(assignedAt === null ? {} : { assignedAt: assignedAt.toISOString() }),
      ...(pair === null ? {} : { pair }),
    }
  );
}
