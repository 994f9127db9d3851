import type { PositionMismatchError, SubscriptionOptions } from '../../event-bus.js';
import { Attempts } from '../attempts.js';
import type { PartitionConsumer } from '../partition-consumer.js';
import type { StoredTopic } from './topic-catalogue.js';

/** A topic with the number that the group has on it. */
export interface GroupTopic {
  readonly topic: StoredTopic;
  readonly groupId: number;
}

export interface HeldPartition {
  readonly topic: StoredTopic;
  readonly groupId: number;
  readonly partition: number;
  readonly consumer: PartitionConsumer;
  /** Set once it is being given back. */
  releasing?: Promise<void>;
}

/** One subscription as a member of its group. */
export class GroupMember {
  readonly held = new Map<string, HeldPartition>();
  readonly attempts: Attempts;
  topics: readonly GroupTopic[] = [];
  /** Number under which the others see this member; undefined while it is in no group. */
  memberId: number | undefined;
  paused = false;
  leaving = false;
  readonly ready: Promise<void>;
  /** Until when partitions whose position is none of the log are not tried again, by `partitionKeyOf`, on the clock of `performance.now()`. */
  private readonly refusedUntilMs = new Map<string, number>();
  private markReady!: () => void;
  private failReady!: (error: unknown) => void;

  constructor(readonly options: SubscriptionOptions) {
    this.attempts = new Attempts(options.group);
    this.ready = new Promise((resolve, reject) => {
      this.markReady = resolve;
      this.failReady = reject;
    });
    // Who does not wait for `ready` must not end the process by it.
    this.ready.catch(() => undefined);
  }

  becameReady(): void {
    this.markReady();
  }

  neverReady(error: unknown): void {
    this.failReady(error);
  }

  /** The partition can't go on where the group stands. Somebody may say where it is to go on: it is looked again. */
  refuse(share: GroupShare, error: PositionMismatchError): void {
    const { topic, partition } = share;
    const retryInMs = this.attempts.failed({ topic: topic.name, partition, offset: -1 }, error);
    this.refusedUntilMs.set(partitionKeyOf(share), performance.now() + retryInMs);
    this.failReady(error);
  }

  /** Whether it is not yet time to look again. */
  isRefused(place: { readonly groupId: number; readonly partition: number }): boolean {
    return (this.refusedUntilMs.get(partitionKeyOf(place)) ?? 0) > performance.now();
  }

  /** The partitions that are this member's by the list of members, which is the same everywhere. */
  share(members: ReadonlyMap<number, readonly number[]>): GroupShare[] {
    return this.topics.flatMap((groupTopic) => {
      const ids = members.get(groupTopic.groupId) ?? [];
      const partitions = Array.from({ length: groupTopic.topic.partitions }, (_, partition) => partition);
      // Partition i of every topic goes to the same member, so all events of one unit meet there.
      return partitions
        .filter((partition) => ids[partition % ids.length] === this.memberId)
        .map((partition) => ({ ...groupTopic, partition }));
    });
  }
}

export interface GroupShare extends GroupTopic {
  readonly partition: number;
}

export function partitionKeyOf(place: { readonly groupId: number; readonly partition: number }): string {
  return `${place.groupId}:${place.partition}`;
}
