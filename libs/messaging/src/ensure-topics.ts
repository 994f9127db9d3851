import { deadLetterTopic, topics, type Topic } from '#libs/contracts';
import type { EventBus, TopicSettings } from './event-bus.js';

/**
 * Creates every topic of the system and its dead letters. Topics keyed by unit get `partitions` partitions, all the same number, so
 * all events of one unit meet in one partition; experiments are few and get one, which also orders all commands.
 */
export async function ensureTopics(bus: EventBus, partitions: number): Promise<void> {
  await bus.createTopics(Object.values(topics).flatMap((topic) => settingsOf(topic, partitions)));
}

function settingsOf(topic: Topic, partitions: number): TopicSettings[] {
  return [
    { name: topic.name, partitions: topic.key === 'unit' ? partitions : 1, compacted: topic.compacted },
    { name: deadLetterTopic(topic.name), partitions: 1, compacted: false },
  ];
}
