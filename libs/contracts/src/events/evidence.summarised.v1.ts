import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';

export const evidenceSummarised = z.object({
  experiment: slug,
  revision: z.int32().min(1),
  /** By which policy of the revision the evidence is judged; absent: the first. */
  policy: z.int32().min(1).optional(),
  /** Topic and partition that the evidence is of, e.g. `request.routed.v1/3`. */
  topicPartition: z.string().min(1),
  /** Offsets up to which the partition's topics are folded in, by topic. */
  positions: z.record(z.string(), z.int().min(0)),
  /** How often the part has changed hands: what an owner before says counts no more. */
  generation: z.int().min(1),
  /** Serialised evidence; its layout belongs to libs/evidence and carries its own version. Null: what is stored under these positions. */
  evidence: z.unknown().nullable(),
  /** Observations that the part's memory of units turned away. */
  refused: z.int().min(0),
  summarisedAt: timestamp,
});
export type EvidenceSummarised = z.infer<typeof evidenceSummarised>;

export const evidenceSummarisedTopic = defineTopic({
  name: 'evidence.summarised.v1',
  key: 'experiment and part',
  compacted: true,
  producedBy: ['analyzer'],
  consumedBy: ['analyzer'],
  says: 'Mergeable evidence of one partition, from analyzers that share the partitions.',
  schema: evidenceSummarised,
  example: {
    experiment: 'cheaper-sampler',
    revision: 1,
    topicPartition: 'request.routed.v1/3',
    positions: { 'request.routed.v1/3': 1204 },
    generation: 2,
    evidence: { layout: '1k2j3h' },
    refused: 0,
    summarisedAt: '2026-11-20T10:15:31.000Z',
  },
});
