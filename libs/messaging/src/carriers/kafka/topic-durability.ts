import type { TopicSettings } from '../../event-bus.js';

/** What topics are created with, so that events outlive a broker and are there for as long as somebody may read them. */
export interface TopicDurability {
  /** Copies of each partition. Default 3, or as many as there are brokers. */
  readonly copies?: number | undefined;
  /** Copies that must have an event before it counts as published. Default one fewer than there are copies, at least 1. */
  readonly leastInSync?: number | undefined;
  /** Default 7. */
  readonly retentionDays?: number | undefined;
}

interface TopicReplicas {
  readonly copies: number;
  readonly leastInSync: number;
}

/** With three copies of which two must have an event, one broker may be away and nothing stands still or is lost. */
const USUAL_COPIES = 3;
const USUAL_RETENTION_DAYS = 7;
/** People look at what went wrong later than services read what is right. */
const DEAD_LETTERS_STAY_LONGER = 4;
const DAY_MS = 86_400_000;

export function topicReplicas({ copies, leastInSync }: TopicDurability, brokers: number): TopicReplicas {
  const made = copies ?? Math.max(1, Math.min(USUAL_COPIES, brokers));
  return { copies: made, leastInSync: Math.min(made, leastInSync ?? Math.max(1, made - 1)) };
}

export function topicConfig(
  { name, compacted }: TopicSettings,
  { leastInSync }: TopicReplicas,
  { retentionDays = USUAL_RETENTION_DAYS }: TopicDurability,
): { name: string; value: string }[] {
  const days = name.endsWith('.dead') ? retentionDays * DEAD_LETTERS_STAY_LONGER : retentionDays;
  return [
    // The broker's clock, not that of whoever publishes.
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
    // The broker packs anew what others have packed with LZ4, Snappy or Zstandard, which the client can't unpack: one such batch would end every reader.
    { name: 'compression.type', value: 'gzip' },
    { name: 'min.insync.replicas', value: String(leastInSync) },
    compacted
      ? { name: 'cleanup.policy', value: 'compact' }
      : { name: 'retention.ms', value: String(Math.round(days * DAY_MS)) },
  ];
}
