import type { TeststripEvent } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';
import { insertJsonRows, insertNewFacts } from './insert-json-rows.js';

export async function recordAppliedAllocations(
  tx: Queryable,
  events: readonly TeststripEvent<'allocation.applied.v1'>[],
): Promise<void> {
  await insertJsonRows(
    tx,
    STATEMENT,
    events.map(({ id, data }) => ({
      event_id: id,
      command_id: data.commandId,
      experiment: data.experiment,
      revision: data.revision,
      epoch: data.epoch,
      router: data.router,
      outcome: data.outcome,
      reason: data.reason,
      weights_ppm: data.weightsPpm,
      commanded_at: data.commandedAt,
      applied_at: data.appliedAt,
    })),
  );
}

const STATEMENT = insertNewFacts('insert into teststrip.applied_allocations');
