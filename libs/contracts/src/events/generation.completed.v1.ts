import { z } from 'zod';
import { assignment } from '../envelope/assignment.js';
import { instanceName } from '../envelope/instance.js';
import { reportedConfig } from '../experiment/spec.js';
import { sha256, slug } from '../names.js';
import { exampleAssignment, exampleConfig, exampleSha256 } from './example-values.js';
import { outcome } from './outcome.js';
import { defineTopic } from './topic.js';

export const image = z.object({
  uri: z.string().min(1),
  /** Null where the service announces none: then nothing shows that the picture is still the one that was made. */
  sha256: sha256.nullable().default(null),
  format: z.enum(['png', 'jpeg', 'webp', 'avif']).nullable().default(null),
  width: z.int32().min(1).nullable().default(null),
  height: z.int32().min(1).nullable().default(null),
  bytes: z.int().min(0).nullable().default(null),
  /** Whether the service's own safety checker found something; absent where none looked. */
  flagged: z.boolean().optional(),
});
export type Image = z.infer<typeof image>;

const measured = z.number().min(0).nullable().default(null);
const NO_TIMINGS = { queueMs: null, inferenceMs: null, totalMs: null };
const NO_GPU = { seconds: null, utilisation: null, memoryMiB: null };

/**
 * What a service may say of a generation. Only the request's id has to be there; what is null or absent has no data. Other people's programs
 * write these events: what breaks this schema is read for what it means where that can be told (see `mend.ts`).
 */
export const generationCompleted = z.object({
  requestId: z.string().min(1),
  generationId: z.string().min(1),
  service: slug,
  assignment: assignment.nullable().default(null),
  /** Hash of `config`: which revision of the variant really answered. */
  fingerprint: z.string().min(1).nullable().default(null),
  config: reportedConfig.default({}),
  /** Absent where nobody says, and in events of before. */
  instance: instanceName.optional(),
  /** As the user wrote it: what pictures are held against. */
  prompt: z.string().nullable().default(null),
  /** What the service made of it, by a language model for one; absent: it painted what was written. */
  rewrittenPrompt: z.string().optional(),
  /** What was to be left out; absent: nothing. */
  negativePrompt: z.string().optional(),
  /** What was asked for; absent: a picture of the prompt and nothing else. */
  mode: z.enum(['text-to-image', 'image-to-image', 'inpaint', 'edit']).optional(),
  /** The picture that it began with; absent: none. */
  reference: z.object({ uri: z.string().min(1), sha256: sha256.nullable().default(null) }).optional(),
  /** A whole number; as the text of its digits where a double can't hold it (64 bits). Null: not known. */
  seed: z
    .union([z.int().min(0), z.string().regex(/^\d{1,20}$/, 'expected at most 20 digits')])
    .nullable()
    .default(null),
  outcome,
  /** What failed, in words; null where pictures were made. */
  error: z.string().nullable().default(null),
  timings: z.object({ queueMs: measured, inferenceMs: measured, totalMs: measured }).default(NO_TIMINGS),
  gpu: z
    .object({
      seconds: measured,
      /** Share of the time, 0–1. */
      utilisation: z.number().min(0).max(1).nullable().default(null),
      memoryMiB: measured,
    })
    .default(NO_GPU),
  /** Cost of the whole generation; the currency is the operator's. */
  cost: measured,
  images: z.array(image).default([]),
  /** A copy of another variant's request whose answer nobody saw; its assignment says of which. */
  shadow: z.boolean().default(false),
});
export type GenerationCompleted = z.infer<typeof generationCompleted>;
/** As a service may write it: most of it may be left out. */
export type ReportedGeneration = z.input<typeof generationCompleted>;

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
    instance: 'sdxl-int8-6d5f9c7b4-x2x7q',
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
