import type { Database } from '../postgres/database.js';
import { OUTBOX_CHANNEL } from './add-to-outbox.js';
import { claimOutbox } from './claim-outbox.js';
import { deleteFromOutbox } from './delete-from-outbox.js';
import type { OutboxRecord } from './outbox-record.js';

/** The half of the event bus that the relay needs. */
export interface RecordPublisher {
  /** Resolves when every record is durable. */
  publish(records: readonly OutboxRecord[]): Promise<void>;
}

export interface RelayOptions {
  readonly database: Database;
  readonly publisher: RecordPublisher;
  /** Most records published at once. Default 200. */
  readonly batchSize?: number;
  /** How often to look without having been woken: bounds the delay after a lost notification. Default 1000. */
  readonly pollEveryMs?: number;
  /** Told about every failed attempt; the relay tries again by itself. */
  readonly onError?: (error: Error) => void;
}

export interface OutboxRelay {
  /** Looks at once; call it after a commit in the same process to save the notification's way. */
  wake(): void;
  /** Resolves after the attempt under way, and stops. What is unpublished stays for the next relay. */
  close(): Promise<void>;
}

/**
 * Publishes what is in the outbox: woken by every commit that added something, in order per key, at least once (a record
 * is deleted only after the bus has taken it, so a crash in between publishes it again under the same event id).
 * Any number of relays may run.
 */
export async function startOutboxRelay(options: RelayOptions): Promise<OutboxRelay> {
  const { database, publisher, batchSize = 200, pollEveryMs = 1_000, onError = () => undefined } = options;
  const stopping = new AbortController();
  let wanted = false;
  let running: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;

  const drain = async (): Promise<void> => {
    while (wanted && !stopping.signal.aborted) {
      wanted = false;
      while (!stopping.signal.aborted && (await publishBatch(database, publisher, batchSize)) > 0);
    }
  };
  const wake = (): void => {
    wanted = true;
    if (stopping.signal.aborted || running) return;
    running = drain()
      .catch((error: Error) => {
        if (stopping.signal.aborted) return;
        onError(error);
        clearTimeout(retry);
        retry = setTimeout(wake, RETRY_AFTER_MS);
      })
      .finally(() => {
        running = undefined;
        // Woken between the last look and here: nobody else would look before the next poll.
        if (wanted && !stopping.signal.aborted) wake();
      });
  };

  const stopListening = await database.listen(OUTBOX_CHANNEL, wake);
  const poll = setInterval(wake, pollEveryMs);
  wake();
  return {
    wake,
    close: async () => {
      stopping.abort();
      clearInterval(poll);
      clearTimeout(retry);
      await stopListening();
      await running;
    },
  };
}

/** A rollback must not wait long for a bus that was away for a moment; an attempt is one cheap query. */
const RETRY_AFTER_MS = 200;

/** One transaction: claim, publish, delete. Returns how many records were published. */
async function publishBatch(database: Database, publisher: RecordPublisher, batchSize: number): Promise<number> {
  return database.transaction(async (tx) => {
    const claimed = await claimOutbox(tx, batchSize);
    if (claimed.length === 0) return 0;
    await publisher.publish(claimed.map(({ topic, key, headers, value }) => ({ topic, key, headers, value })));
    await deleteFromOutbox(
      tx,
      claimed.map(({ id }) => id),
    );
    return claimed.length;
  });
}
