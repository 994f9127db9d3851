import { z } from 'zod';
import { slug, timestamp } from '../names.js';
import { defineTopic } from './topic.js';

export const preferenceJudged = z.object({
  experiment: slug,
  revision: z.int32().min(1),
  rater: z.string().min(1),
  prompt: z.string(),
  left: z.object({ variant: slug, generationId: z.string() }),
  right: z.object({ variant: slug, generationId: z.string() }),
  preferred: z.enum(['left', 'right', 'tie']),
  judgedAt: timestamp,
});
export type PreferenceJudged = z.infer<typeof preferenceJudged>;

export const preferenceJudgedTopic = defineTopic({
  name: 'preference.judged.v1',
  key: 'experiment',
  compacted: false,
  producedBy: ['reports'],
  consumedBy: ['analyzer', 'recorder'],
  says: 'A blinded pairwise human judgement.',
  schema: preferenceJudged,
  example: {
    experiment: 'cheaper-sampler',
    revision: 1,
    rater: 'rater-3',
    prompt: 'a large green cross at the top on a slate background',
    left: { variant: 'candidate', generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d' },
    right: { variant: 'control', generationId: '0190d5a2-7001-7b12-8c3d-4e5f6a7b8c9d' },
    preferred: 'tie',
    judgedAt: '2026-11-20T10:20:00.000Z',
  },
});
