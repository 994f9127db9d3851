import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

type Assignment = Record<string, number[]>;

/**
 * Partition i of every topic goes to the same member, as on the Postgres carrier: all events of one unit meet there. The round robin of
 * kafkajs counts through all partitions of all topics, so that topics of one partition shift the others against each other.
 */
export const copartitionAssigner: PartitionAssigner = ({ cluster }) => ({
  name: 'teststrip-copartition',
  version: 0,
  assign: ({ members, topics }) => {
    const partitions = new Map(
      topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId)]),
    );
    const assignments = copartition(
      members.map(({ memberId }) => memberId),
      partitions,
    );
    return Promise.resolve(
      [...assignments].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 0,
          assignment,
          userData: Buffer.alloc(0),
        }),
      })),
    );
  },
  protocol: ({ topics }) => ({
    name: 'teststrip-copartition',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
});

/** The partitions of every member, also of those that get none. */
export function copartition(
  memberIds: readonly string[],
  partitions: ReadonlyMap<string, readonly number[]>,
): Map<string, Assignment> {
  const sorted = [...memberIds].sort();
  const assignments = new Map(sorted.map((memberId): [string, Assignment] => [memberId, {}]));
  for (const [topic, ids] of partitions) {
    for (const partition of ids) {
      const assignment = assignments.get(sorted[partition % sorted.length]!)!;
      (assignment[topic] ??= []).push(partition);
    }
  }
  return assignments;
}
