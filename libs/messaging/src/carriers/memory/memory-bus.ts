import { randomUUID } from 'node:crypto';
import type { EventBus, Subscription, SubscriptionOptions } from '../../event-bus.js';
import { UnknownTopicError } from '../../event-bus.js';
import { partitionOf } from '../partitioner.js';
import { latestPerKey } from '../latest-per-key.js';
import { MemoryGroup } from './memory-group.js';
import { MemoryPartition, type MemoryTopic } from './memory-partition.js';

/** The bus inside one process, for unit tests: same promises, nothing outlives it. */
export function createMemoryBus(options: { readonly nowMs?: () => number } = {}): EventBus {
  const nowMs = options.nowMs ?? Date.now;
  const topics = new Map<string, MemoryTopic>();
  const groups = new Map<string, MemoryGroup>();
  const log = `memory:${randomUUID()}`;
  let closed = false;

  const topicOf = (name: string): MemoryTopic => {
    const topic = topics.get(name);
    if (!topic) throw new UnknownTopicError(name);
    return topic;
  };

  return {
    carrier: 'memory',
    createTopics: (wanted) => {
      for (const settings of wanted) {
        if (topics.has(settings.name)) continue;
        const partitions = Array.from({ length: settings.partitions }, () => new MemoryPartition());
        topics.set(settings.name, { settings, partitions });
      }
      return Promise.resolve();
    },
    partitionsOf: async (name) => topicOf(name).partitions.length,
    publish: async (records) => {
      if (closed) throw new Error('the bus is closed');
      const places = records.map((record) => ({ record, topic: topicOf(record.topic) }));
      for (const { record, topic } of places) {
        const partition = record.key === null ? 0 : partitionOf(record.key, topic.partitions.length);
        topic.partitions[partition]!.append({ record, partition, timestampMs: nowMs() });
      }
    },
    subscribe: (subscription: SubscriptionOptions): Subscription => {
      const group = groups.get(subscription.group) ?? new MemoryGroup(topicOf, log);
      groups.set(subscription.group, group);
      return group.join(subscription);
    },
    readAll: async (name) => {
      const { settings, partitions } = topicOf(name);
      const records = partitions.flatMap((partition) => partition.all());
      return settings.compacted ? latestPerKey(records) : records;
    },
    ping: () => (closed ? Promise.reject(new Error('the bus is closed')) : Promise.resolve()),
    close: async () => {
      closed = true;
      await Promise.all([...groups.values()].map((group) => group.close()));
    },
  };
}
