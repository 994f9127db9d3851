import type { TeststripEvent } from '#libs/contracts';
import type { Database } from '#libs/persistence';
import type { FactStore } from '#libs/persistence/recorder';

/** Records events as the recorder does: in a transaction of their own. */
export async function recordEvents(
  database: Database,
  store: FactStore,
  events: readonly TeststripEvent[],
): Promise<void> {
  await database.transaction((tx) => store.record(tx, store.prepare(events)));
}
