import type { Queryable } from '#libs/persistence';

/** Names the log of this database, see `RecordBatch.log`. It is made with the first bus that opens on it. */
export async function logIdOf(database: Queryable): Promise<string> {
  await database.query(
    `INSERT INTO bus.log (is_the_one, log_id) VALUES (true, gen_random_uuid()) ON CONFLICT DO NOTHING`,
  );
  const [row] = await database.query<{ log_id: string }>('SELECT log_id FROM bus.log');
  return `postgres:${row!.log_id}`;
}
