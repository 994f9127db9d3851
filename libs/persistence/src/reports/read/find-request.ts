import type { Assignment } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

export interface RecordedRequest {
  readonly requestId: string;
  readonly service: string;
  readonly assignment: Assignment | null;
}

export async function findRequest(database: Queryable, requestId: string): Promise<RecordedRequest | undefined> {
  const rows = await database.query<RecordedRequest>(
    `select request_id as "requestId", service, assignment
       from teststrip.requests
      where request_id = $1
      order by started_at desc
      limit 1`,
    [requestId],
  );
  return rows[0];
}
