import type { Database } from '../postgres/database.js';
import { OUTBOX_CHANNEL } from './add-to-outbox.js';
import { type ClaimedRecord, claimOutbox } from './claim-outbox.js';
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
  /** Told about every failed attempt, with the key that waits; the relay tries again by itself. */
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
 * A record that the bus does not take holds up its own key alone: that key is tried again after growing pauses.
 * Any number of relays may run.
 */
export async function startOutboxRelay(options: RelayOptions): Promise<OutboxRelay> {
  const { database, publisher, batchSize = 200, pollEveryMs = 1_000, onError = () => undefined } = options;
  const stopping = new AbortController();
  let wanted = false;
  let running: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  const aside = new KeysAside();

  const wakeIn = (delayMs: number): void => {
    clearTimeout(retry);
    retry = setTimeout(wake, delayMs);
  };
  const drain = async (): Promise<void> => {
    while (wanted && !stopping.signal.aborted) {
      wanted = false;
      while (!stopping.signal.aborted && (await publishBatch({ database, publisher, batchSize, onError, aside })) > 0);
    }
    const nextInMs = aside.nextInMs();
    if (nextInMs !== undefined) wakeIn(nextInMs);
  };
  const wake = (): void => {
    wanted = true;
    if (stopping.signal.aborted || running) return;
    running = drain()
      .catch((error: Error) => {
        if (stopping.signal.aborted) return;
        onError(error);
        wakeIn(RETRY_AFTER_MS);
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
/** Longest pause of a key while nothing at all gets through: then the bus is away, and every key must go on soon after its return. */
const MOST_PAUSE_WITHOUT_BUS_MS = 1_000;
/** Longest pause of a key while others get through. */
const MOST_PAUSE_MS = 5_000;

/** Keys whose records the bus did not take, each until its next attempt. */
class KeysAside {
  private readonly waiting = new Map<string, { readonly pauseMs: number; readonly untilMs: number }>();

  get now(): readonly string[] {
    const atMs = performance.now();
    return [...this.waiting].flatMap(([key, { untilMs }]) => (untilMs > atMs ? [key] : []));
  }

  /** Until the first attempt that is due; undefined where no key waits. */
  nextInMs(): number | undefined {
    if (this.waiting.size === 0) return undefined;
    return Math.max(1, Math.min(...[...this.waiting.values()].map(({ untilMs }) => untilMs)) - performance.now());
  }

  /** @returns the pause, twice as long as the one before, up to `mostMs`. */
  add(key: string, mostMs: number): number {
    const before = this.waiting.get(key);
    const pauseMs = before ? Math.min(2 * before.pauseMs, mostMs) : RETRY_AFTER_MS;
    this.waiting.set(key, { pauseMs, untilMs: performance.now() + pauseMs });
    return pauseMs;
  }

  delete(key: string): void {
    this.waiting.delete(key);
  }
}

/** One transaction: claim, publish, delete. Returns how many records were claimed. */
async function publishBatch({
  database,
  publisher,
  batchSize,
  onError,
  aside,
}: Pick<Required<RelayOptions>, 'database' | 'publisher' | 'batchSize' | 'onError'> & {
  readonly aside: KeysAside;
}): Promise<number> {
  return database.transaction(async (tx) => {
    const claimed = await claimOutbox(tx, batchSize, aside.now);
    if (claimed.length === 0) return 0;
    const { published, failed, passing } = await publishAll(publisher, claimed);
    await deleteFromOutbox(
      tx,
      published.map(({ id }) => id),
    );
    if (passing) onError(passing);
    for (const { key } of published) aside.delete(key);
    for (const [key, error] of failed) {
      const pauseMs = aside.add(key, published.length > 0 ? MOST_PAUSE_MS : MOST_PAUSE_WITHOUT_BUS_MS);
      onError(new Error(`records of "${key}" wait ${pauseMs} ms for the next attempt: ${error.message}`));
    }
    return claimed.length;
  });
}

/** What the bus took, and why it did not take the rest, by key. */
interface Outcome {
  readonly published: readonly ClaimedRecord[];
  readonly failed: ReadonlyMap<string, Error>;
  /** Why it did not take all at once, though it then took every key by itself. */
  readonly passing?: Error;
}

/** All at once; where the bus refuses that, each key by itself, in its order up to the record that the bus does not take. */
async function publishAll(publisher: RecordPublisher, claimed: readonly ClaimedRecord[]): Promise<Outcome> {
  const failed = new Map<string, Error>();
  let atOnce: Error;
  try {
    await publisher.publish(claimed.map(toRecord));
    return { published: claimed, failed };
  } catch (error) {
    atOnce = error as Error;
    const [only, ...others] = claimed;
    if (only && others.length === 0) return { published: [], failed: failed.set(only.key, atOnce) };
  }
  const published: ClaimedRecord[] = [];
  const publishKey = async (key: string): Promise<void> => {
    try {
      for (const record of claimed.filter((one) => one.key === key)) {
        await publisher.publish([toRecord(record)]);
        published.push(record);
      }
    } catch (error) {
      failed.set(key, error as Error);
    }
  };
  await Promise.all([...new Set(claimed.map(({ key }) => key))].map(publishKey));
  return failed.size === 0 ? { published, failed, passing: atOnce } : { published, failed };
}

function toRecord({ topic, key, headers, value }: ClaimedRecord): OutboxRecord {
  return { topic, key, headers, value };
}
