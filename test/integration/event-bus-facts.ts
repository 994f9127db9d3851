import type { RecordBatch } from '#libs/messaging';
import type { Database } from '#libs/persistence';

/** What a consumer writes that keeps its facts and its position in one transaction. No constraint absorbs a repetition: it would show. */
export async function createFactTables(database: Database): Promise<void> {
  await database.query('CREATE TABLE fact (consumer_group text, partition int, "offset" bigint)');
  await database.query(
    'CREATE TABLE place (consumer_group text, partition int, next_offset bigint, PRIMARY KEY (consumer_group, partition))',
  );
}

export async function rememberFacts(
  database: Database,
  group: string,
  batch: RecordBatch,
  beforeCommit: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('INSERT INTO fact SELECT $1, $2, unnest($3::bigint[])', [
      group,
      batch.partition,
      batch.records.map((record) => record.offset),
    ]);
    await tx.query(
      `INSERT INTO place VALUES ($1, $2, $3)
       ON CONFLICT (consumer_group, partition) DO UPDATE SET next_offset = excluded.next_offset`,
      [group, batch.partition, batch.nextOffset],
    );
    await beforeCommit();
  });
}

export async function positionOfFacts(
  database: Database,
  group: string,
  partition: number,
): Promise<number | undefined> {
  const rows = await database.query<{ next_offset: number }>(
    'SELECT next_offset FROM place WHERE consumer_group = $1 AND partition = $2',
    [group, partition],
  );
  return rows[0]?.next_offset;
}

export function factsOf(database: Database, group: string): Promise<{ partition: number; offset: number }[]> {
  return database.query('SELECT partition, "offset" FROM fact WHERE consumer_group = $1 ORDER BY 1, 2', [group]);
}
