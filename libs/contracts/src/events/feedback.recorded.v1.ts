import { z } from 'zod';
import { assignment } from '../envelope/assignment.js';
import { slug, timestamp } from '../names.js';
import { exampleAssignment } from './example-values.js';
import { defineTopic } from './topic.js';

export const feedbackRecorded = z.object({
  requestId: z.string().min(1),
  generationId: z.string().nullable().default(null),
  service: slug,
  assignment: assignment.nullable().default(null),
  kind: z.enum(['thumb-up', 'thumb-down', 'rating', 'download', 'share', 'regenerate']),
  /** 1–5 for a rating; null otherwise. */
  rating: z.number().min(1).max(5).nullable().default(null),
  givenAt: timestamp,
});
export type FeedbackRecorded = z.infer<typeof feedbackRecorded>;

export const feedbackRecordedTopic = defineTopic({
  name: 'feedback.recorded.v1',
  key: 'unit',
  compacted: false,
  producedBy: ['reports'],
  consumedBy: ['analyzer', 'recorder'],
  says: 'A thumb, rating, download, share or regeneration by the person who asked for the picture.',
  schema: feedbackRecorded,
  example: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
    service: 'text-to-image',
    assignment: exampleAssignment,
    kind: 'rating',
    rating: 4,
    givenAt: '2026-11-20T10:16:02.000Z',
  },
});
