import type { Database } from '../../postgres/database.js';
import { RequestEntity } from '../../schema/entities/request.entity.js';

export type RecordedRequest = Pick<RequestEntity, 'requestId' | 'service' | 'assignment'>;

/** The request as it was last seen; undefined when it was not recorded (yet, or any more). */
export async function findRequest(database: Database, requestId: string): Promise<RecordedRequest | undefined> {
  const reads = await database.reads();
  const request = await reads.findOne(RequestEntity, { where: { requestId }, order: { startedAt: 'desc' } });
  return request ?? undefined;
}
