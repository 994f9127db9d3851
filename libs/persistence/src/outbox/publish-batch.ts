import type { Database } from '../postgres/database.js';
import { type ClaimedRecord, claimOutbox } from './claim-outbox.js';
import { deleteFromOutbox } from './delete-from-outbox.js';
import type { OutboxRecord } from './outbox-record.js';

/** The half of the event bus that the relay needs. */
export interface RecordPublisher {
  /** Resolves when every record is durable. */
  publish(records: readonly OutboxRecord[]): Promise<void>;
}

/** A rollback must not wait long for a bus that was away for a moment; an attempt is one cheap query. */
export const RETRY_AFTER_MS = 200;
/** Longest pause of a key while nothing at all gets through: then the bus is away, and every key must go on soon after its return. */
const MOST_PAUSE_WITHOUT_BUS_MS = 1_000;
/** Longest pause of a key while others get through. */
const MOST_PAUSE_MS = 5_000;

/** Keys whose records the bus did not take, each until its next attempt. */
export class KeysAside {
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

export interface BatchOptions {
  readonly database: Database;
  readonly publisher: RecordPublisher;
  readonly topic: string;
  readonly batchSize: number;
  readonly onError: (error: Error) => void;
  readonly aside: KeysAside;
}

/** One transaction: claim, publish, delete. Returns how many records were claimed. */
export async function publishBatch(options: BatchOptions): Promise<number> {
  const { database, publisher, topic, batchSize, onError, aside } = options;
  return database.transaction(async (tx) => {
    const claimed = await claimOutbox(tx, topic, batchSize, aside.now);
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
