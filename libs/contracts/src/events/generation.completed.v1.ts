import { z } from 'zod';
import { assignment } from '../envelope/assignment.js';
import { variantConfig } from '../experiment/spec.js';
import { sha256, slug } from '../names.js';
import { exampleAssignment, exampleConfig, exampleSha256 } from './example-values.js';
import { outcome } from './outcome.js';
import { defineTopic } from './topic.js';

export const image = z.object({
  uri: z.string().min(1),
  sha256,
  format: z.enum(['png', 'jpeg', 'webp', 'avif']),
  width: z.int32().min(1),
  height: z.int32().min(1),
  bytes: z.int().min(0),
  /** Whether the service's own safety checker found something; absent where none looked. */
  flagged: z.boolean().optional(),
});
export type Image = z.infer<typeof image>;

export const generationCompleted = z.object({
  requestId: z.string().min(1),
  generationId: z.string().min(1),
  service: slug,
  assignment: assignment.nullable(),
  /** Hash of `config`: which revision of the variant really answered. */
  fingerprint: z.string().min(1),
  config: variantConfig,
  prompt: z.string(),
  seed: z.int().min(0),
  outcome,
  /** What failed, in words; null where pictures were made. */
  error: z.string().nullable(),
  timings: z.object({ queueMs: z.number().min(0), inferenceMs: z.number().min(0), totalMs: z.number().min(0) }),
  gpu: z.object({
    seconds: z.number().min(0),
    utilisation: z.number().min(0).max(1),
    memoryMiB: z.number().min(0),
  }),
  /** Cost of the whole generation; the currency is the operator's. */
  cost: z.number().min(0),
  images: z.array(image),
  /** A copy of another variant's request whose answer nobody saw. */
  shadow: z.boolean().default(false),
});
export type GenerationCompleted = z.infer<typeof generationCompleted>;

export const generationCompletedTopic = defineTopic({
  name: 'generation.completed.v1',
  key: 'unit',
  compacted: false,
  producedBy: ['inference'],
  consumedBy: ['scorer', 'analyzer', 'recorder'],
  says: 'Parameters, seed, timings, GPU seconds, memory, cost, status, and the pictures by URI and sha256.',
  schema: generationCompleted,
  example: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
    service: 'text-to-image',
    assignment: exampleAssignment,
    fingerprint: 'c2f1a9d04e5b6c7d',
    config: exampleConfig,
    prompt: 'a small red circle at the left and a large blue star at the right on a sand background',
    seed: 4242,
    outcome: 'delivered',
    error: null,
    timings: { queueMs: 0.4, inferenceMs: 41.7, totalMs: 46.3 },
    gpu: { seconds: 0.0377, utilisation: 0.41, memoryMiB: 6200 },
    cost: 0.0000415,
    images: [
      {
        uri: 'file:///var/lib/teststrip/pictures/0190d5a2.png',
        sha256: exampleSha256,
        format: 'png',
        width: 64,
        height: 64,
        bytes: 6120,
      },
    ],
    shadow: false,
  },
});
