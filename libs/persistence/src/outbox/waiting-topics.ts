import type { Queryable } from '../postgres/database.js';

/** Topics that records wait for, by name. SQL: jumps from topic to topic along the index, whatever waits in each. */
export async function waitingTopics(database: Queryable): Promise<readonly string[]> {
  const rows = await database.query<{ topic: string }>(
    `with recursive waiting as (
       (select topic from teststrip.outbox order by topic limit 1)
       union all
       select (select topic from teststrip.outbox where topic > waiting.topic order by topic limit 1)
         from waiting where waiting.topic is not null
     )
     select topic from waiting where topic is not null`,
  );
  return rows.map(({ topic }) => topic);
}
