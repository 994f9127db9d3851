import type { Database } from '../postgres/database.js';
import { OUTBOX_CHANNEL } from './add-to-outbox.js';
import { OutboxLane } from './outbox-lane.js';
import type { RecordPublisher } from './publish-batch.js';
import { waitingTopics } from './waiting-topics.js';

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
  /** Resolves after the attempts under way, and stops. What is unpublished stays for the next relay. */
  close(): Promise<void>;
}

/**
 * Publishes what is in the outbox: woken by every commit that added something, in order per topic and key, at least once (a record
 * is deleted only after the bus has taken it, so a crash in between publishes it again under the same event id).
 * Each topic has a lane of its own: a topic that can't be written, or of which thousands wait, delays no other. Within a topic a record that
 * the bus does not take holds up its own key alone: that key is tried again after growing pauses.
 * Any number of relays may run.
 */
export async function startOutboxRelay(options: RelayOptions): Promise<OutboxRelay> {
  const { database, publisher, batchSize = 200, pollEveryMs = 1_000, onError = () => undefined } = options;
  const lanes = new Map<string, OutboxLane>();
  const wakeTopic = (topic: string): void => {
    const lane = lanes.get(topic) ?? new OutboxLane({ database, publisher, topic, batchSize, onError });
    lanes.set(topic, lane);
    lane.wake();
  };
  const wakeKnown = (): void => lanes.forEach((lane) => lane.wake());
  let looking: Promise<void> | undefined;
  /** Finds also what was added while nobody listened. */
  const look = (): void => {
    wakeKnown();
    looking ??= waitingTopics(database)
      .then((topics) => topics.forEach(wakeTopic), onError)
      .finally(() => (looking = undefined));
  };

  // The empty notice comes after a lost connection.
  const stopListening = await database.listen(OUTBOX_CHANNEL, (topic) => (topic === '' ? look() : wakeTopic(topic)));
  const poll = setInterval(look, pollEveryMs);
  look();
  return {
    wake: wakeKnown,
    close: async () => {
      clearInterval(poll);
      await stopListening();
      await looking;
      await Promise.all([...lanes.values()].map((lane) => lane.close()));
    },
  };
}
