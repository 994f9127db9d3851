import type { Queryable } from '../../postgres/database.js';

export interface RecordedController {
  readonly controller: string;
  readonly lastHeartbeatAt: Date;
  readonly running: readonly string[];
}

/** Every decision service that was ever heard, the latest first. */
export async function readControllers(database: Queryable): Promise<readonly RecordedController[]> {
  return database.query<RecordedController>(
    `select controller, last_heartbeat_at as "lastHeartbeatAt", running
       from teststrip.controllers
      order by last_heartbeat_at desc`,
  );
}
