import { deadLetterTopic, topics, type Topic } from '#libs/contracts';
import { UnknownTopicError, type EventBus, type TopicSettings } from './event-bus.js';

const KEYED_BY_UNIT = Object.values(topics).filter(({ key }) => key === 'unit');
const NOT_KEYED_BY_UNIT = Object.values(topics).filter(({ key }) => key !== 'unit');

/**
 * Creates every topic of the system and its dead letters. Topics keyed by unit get `partitions` partitions, all the same number, so
 * all events of one unit meet in one partition; where some exist already, the others get as many as these. Experiments are few and get
 * one, which also orders all commands.
 * @returns how many partitions the topics keyed by unit have, which is not what is wanted where they were there before
 * @throws Error where the topics keyed by unit have different numbers of partitions, or another topic has several
 */
export async function ensureTopics(
  bus: Pick<EventBus, 'createTopics' | 'partitionsOf'>,
  partitions: number,
): Promise<number> {
  const present = agreed(await partitionsByTopic(bus, KEYED_BY_UNIT));
  await bus.createTopics(Object.values(topics).flatMap((topic) => settingsOf(topic, present ?? partitions)));
  refuseSplit(await partitionsByTopic(bus, NOT_KEYED_BY_UNIT));
  return unitPartitions(bus);
}

/** @throws Error for topics whose records are in order as a whole only while they have one partition */
function refuseSplit(partitions: ReadonlyMap<string, number>): void {
  const split = [...partitions].filter(([, number]) => number > 1);
  if (split.length === 0) return;
  const found = split.map(([topic, number]) => `${topic} has ${number}`).join(', ');
  throw new Error(
    `topics that are not keyed by unit have one partition, which orders all commands and definitions: ${found}. ` +
      `A partition can't be taken back: delete these topics while nothing runs (kafka-topics.sh --delete --topic …), they are made anew at the next start`,
  );
}

/**
 * How many partitions the topics keyed by unit have.
 * @throws Error where they differ; UnknownTopicError where there are none
 */
export async function unitPartitions(bus: Pick<EventBus, 'partitionsOf'>): Promise<number> {
  const [first] = KEYED_BY_UNIT;
  return agreed(await partitionsByTopic(bus, KEYED_BY_UNIT)) ?? bus.partitionsOf(first!.name);
}

/** Of those topics that exist. */
async function partitionsByTopic(
  bus: Pick<EventBus, 'partitionsOf'>,
  wanted: readonly Topic[],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const { name } of wanted) {
    try {
      found.set(name, await bus.partitionsOf(name));
    } catch (error) {
      if (!(error instanceof UnknownTopicError)) throw error;
    }
  }
  return found;
}

function agreed(partitions: ReadonlyMap<string, number>): number | undefined {
  const numbers = [...new Set(partitions.values())];
  if (numbers.length <= 1) return numbers[0];
  const most = Math.max(...numbers);
  const found = [...partitions].map(([topic, number]) => `${topic} has ${number}`).join(', ');
  throw new Error(
    `topics keyed by unit need the same number of partitions, else the events of one unit don't meet: ${found}. ` +
      `While no experiment runs, give all of them ${most} (kafka-topics.sh --alter --topic … --partitions ${most})`,
  );
}

function settingsOf(topic: Topic, partitions: number): TopicSettings[] {
  return [
    { name: topic.name, partitions: topic.key === 'unit' ? partitions : 1, compacted: topic.compacted },
    { name: deadLetterTopic(topic.name), partitions: 1, compacted: false },
  ];
}
