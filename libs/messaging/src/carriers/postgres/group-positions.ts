import type { Queryable } from '#libs/persistence';
import type { GroupShare } from './group-member.js';
import type { StoredTopic } from './topic-catalogue.js';

/** The numbers of a group on its topics, by topic id; the group is created where it is new. */
export async function groupIdsOf(
  database: Queryable,
  { name, isLasting }: { readonly name: string; readonly isLasting: boolean },
  topics: readonly StoredTopic[],
): Promise<ReadonlyMap<number, number>> {
  const rows = await database.query<{ topic_id: number; group_id: number }>(
    `WITH asked AS (SELECT unnest($2::int[]) AS topic_id),
          added AS (INSERT INTO bus.consumer_group (name, topic_id, is_lasting)
                    SELECT $1, topic_id, $3 FROM asked
                    WHERE NOT EXISTS (SELECT 1 FROM bus.consumer_group g WHERE g.name = $1 AND g.topic_id = asked.topic_id)
                    ORDER BY topic_id ON CONFLICT (name, topic_id) DO UPDATE SET name = excluded.name
                    RETURNING topic_id, group_id)
     SELECT topic_id, group_id FROM added
     UNION SELECT topic_id, group_id FROM bus.consumer_group WHERE name = $1 AND topic_id = ANY($2::int[])`,
    [name, topics.map((topic) => topic.topicId), isLasting],
  );
  return new Map(rows.map((row) => [row.topic_id, row.group_id]));
}

/** The positions that groups have written down, by group number and partition: `7:0`. */
export async function committedPositions(
  database: Queryable,
  shares: readonly GroupShare[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query<{ group_id: number; partition: number; next_offset: number }>(
    'SELECT group_id, partition, next_offset FROM bus.position WHERE group_id = ANY($1::int[])',
    [shares.map((share) => share.groupId)],
  );
  return new Map(rows.map((row) => [`${row.group_id}:${row.partition}`, row.next_offset]));
}
