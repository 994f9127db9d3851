import type { Database } from '../../postgres/database.js';
import { ControllerEntity } from '../../schema/entities/controller.entity.js';

export type RecordedController = ControllerEntity;

/** Every decision service that was ever heard, the latest first. */
export async function readControllers(database: Database): Promise<readonly RecordedController[]> {
  const reads = await database.reads();
  return reads.find(ControllerEntity, { order: { lastHeartbeatAt: 'desc' } });
}
