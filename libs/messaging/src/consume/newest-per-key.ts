import type { RecordBatch } from '../event-bus.js';
import type { Middleware } from './handler.js';

/**
 * Of each key hands on the newest `most` records of a batch, in their order, before any of them is read: where the newest say all that the older
 * ones say, a key with thousands of them delays no other.
 */
export function newestPerKey(most: number): Middleware<RecordBatch> {
  return (next) => async (batch) => {
    const counts = new Map<string, number>();
    const newestFirst = batch.records.toReversed().filter(({ key }) => {
      if (key === null) return true;
      const name = key.toString('latin1');
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return count <= most;
    });
    await next({
      topic: batch.topic,
      partition: batch.partition,
      log: batch.log,
      records: newestFirst.toReversed(),
      nextOffset: batch.nextOffset,
      heartbeat: (handledTo) => batch.heartbeat(handledTo),
      isStale: () => batch.isStale(),
    });
  };
}
