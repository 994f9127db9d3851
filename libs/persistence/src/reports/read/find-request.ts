import type { Assignment } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { RequestEntity } from '../../schema/entities/request.entity.js';
import { SharedDocumentEntity } from '../../schema/entities/shared-document.entity.js';

export interface RecordedRequest {
  readonly requestId: string;
  readonly service: string;
  /** null: no experiment applied. */
  readonly assignment: Assignment | null;
}

/** The request as it was last seen; undefined when it was not recorded (yet, or any more). */
export async function findRequest(database: Database, requestId: string): Promise<RecordedRequest | undefined> {
  const reads = await database.reads();
  const request = await reads.findOne(RequestEntity, { where: { requestId }, order: { startedAt: 'desc' } });
  if (!request) return undefined;
  const { service, assignmentDigest: digest } = request;
  const shared = digest === null ? null : await reads.findOne(SharedDocumentEntity, { where: { digest } });
  return { requestId, service, assignment: shared && assignmentOf(request, shared.document as SharedAssignment) };
}

type SharedAssignment = Omit<Assignment, 'unit' | 'assignedAt' | 'pair'>;

/** What the requests of a variant share, and what is this one's own. */
function assignmentOf({ unit, assignedAt, pair }: RequestEntity, shared: SharedAssignment): Assignment {
  return {
    ...shared,
    unit: unit ?? '',
    ...(assignedAt === null ? {} : { assignedAt: assignedAt.toISOString() }),
    ...(pair === null ? {} : { pair }),
  };
}
