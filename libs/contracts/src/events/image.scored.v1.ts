import { z } from 'zod';
import { assignment } from '../envelope/assignment.js';
import { sha256, slug } from '../names.js';
import { exampleAssignment, exampleSha256 } from './example-values.js';
import { image } from './generation.completed.v1.js';
import { defineTopic } from './topic.js';

/** No scorer tells more kinds of prompts apart. */
export const MOST_PROMPT_CLASSES = 64;

/** Who scored: scores of different identities are never compared in one analysis. */
export const scoreIdentity = z.object({
  model: z.string().min(1),
  digest: sha256,
  preprocessing: z.string().min(1),
  engine: z.string().min(1),
});
export type ScoreIdentity = z.infer<typeof scoreIdentity>;

export const imageScored = z.object({
  requestId: z.string().min(1),
  generationId: z.string().min(1),
  imageIndex: z.int32().min(0),
  service: slug,
  assignment: assignment.nullable().default(null),
  image: image.pick({ uri: true, sha256: true }),
  /**
   * `scored`; or why there is no score: the bytes were not to be had, were not the announced ones, are no picture, or break a limit;
   * or the model can tell nothing of the picture or its prompt (`unscorable`, since 2026-11). `undecodable` and `digest-mismatch` are facts about the variant.
   */
  outcome: z.enum(['scored', 'unavailable', 'digest-mismatch', 'undecodable', 'refused', 'unscorable']),
  reason: z.string().nullable().default(null),
  /** Raw cosine of image and prompt embeddings; null unless scored, and where the prompt is not known. */
  alignment: z.number().min(-1).max(1).nullable().default(null),
  /** Quality heads by name, e.g. `{ clean: 0.97 }`. Empty unless scored. */
  quality: z.record(z.string(), z.number()).default({}),
  /** All pixels (nearly) the same: what a safety checker's black-out looks like. */
  blank: z.boolean().default(false),
  /** The L2-normalised image embedding, float16 little endian, base64; null unless scored. */
  embedding: z.base64().nullable().default(null),
  promptTruncated: z.boolean().default(false),
  /**
   * Which of the reference prompts of this scorer the prompt is nearest to; the same prompt has the same class under one `identity`. Null unless
   * scored; absent in scores of before there were classes.
   */
  promptClass: z
    .int()
    .min(0)
    .max(MOST_PROMPT_CLASSES - 1)
    .nullable()
    .optional(),
  /**
   * SHA-256 of the decoded picture, `<width>x<height>` and its 8-bit RGB values: files differ where a service writes its parameters into them.
   * Of pictures of pairs; null unless scored, absent of all others.
   */
  pixels: sha256.nullable().optional(),
  identity: scoreIdentity,
});
export type ImageScored = z.infer<typeof imageScored>;

export const imageScoredTopic = defineTopic({
  name: 'image.scored.v1',
  key: 'unit',
  compacted: false,
  producedBy: ['scorer'],
  consumedBy: ['analyzer', 'recorder'],
  says: 'Scores and embedding of one picture, or why there are none.',
  schema: imageScored,
  example: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
    imageIndex: 0,
    service: 'text-to-image',
    assignment: exampleAssignment,
    image: { uri: 'file:///var/lib/teststrip/pictures/0190d5a2.png', sha256: exampleSha256 },
    outcome: 'scored',
    reason: null,
    alignment: 0.953,
    quality: { clean: 0.982 },
    blank: false,
    embedding: 'ADwAAAAA',
    promptTruncated: false,
    promptClass: 25,
    identity: { model: 'scenes-clip', digest: exampleSha256, preprocessing: 'exact-1', engine: 'onnx-cpu' },
  },
});
