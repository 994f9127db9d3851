import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';

export const evidenceSummarised = z.object({
  experiment: slug,
  revision: z.int32().min(1),
  topicPartition: z.string().min(1),
  /** Offsets up to which the partition's topics are folded in, by topic. */
  positions: z.record(z.string(), z.int().min(0)),
  /** Serialised evidence; its layout belongs to libs/evidence and carries its own version. */
  evidence: z.unknown(),
  summarisedAt: timestamp,
});
export type EvidenceSummarised = z.infer<typeof evidenceSummarised>;

export const evidenceSummarisedTopic = defineTopic({
  name: 'evidence.summarised.v1',
  key: 'experiment',
  compacted: false,
  producedBy: [],
  consumedBy: [],
  says: 'Mergeable partial evidence of one partition.',
  schema: evidenceSummarised,
  example: {
    experiment: 'cheaper-sampler',
    revision: 1,
    topicPartition: 'p3',
    positions: { 'request.routed.v1': 1204, 'image.scored.v1': 1188 },
    evidence: { version: 1 },
    summarisedAt: '2026-11-20T10:15:31.000Z',
  },
});
