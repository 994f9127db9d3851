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

/**
 * What may come of a picture:
 * - `scored`.
 * - `blank`: of (nearly) one colour, so that there is nothing to score; `flagged`: the service's own safety checker found something, so that
 *   what came is not what was painted. Both are facts about the variant with rates of their own, and in no mean.
 * - `undecodable`: no picture; `digest-mismatch`: not the announced one. Facts about the variant.
 * - `unavailable`, `late` (not in time), `refused` (over a limit, or from where this scorer may not read), `unsupported` (a format that is not
 *   read), `unscorable` (the model can tell nothing of the picture or its prompt). They say nothing of the variant.
 */
export const scoreOutcomes = [
  'scored',
  'blank',
  'flagged',
  'unavailable',
  'late',
  'digest-mismatch',
  'undecodable',
  'unsupported',
  'refused',
  'unscorable',
] as const;
export type ScoreOutcome = (typeof scoreOutcomes)[number];

/** Whether the picture is in the judgement: by its scores, or by a rate of its own. */
export function isJudgedPicture({ outcome }: { readonly outcome: ScoreOutcome }): boolean {
  return outcome === 'scored' || outcome === 'blank' || outcome === 'flagged';
}

/** Whether the name of a score is `<head>:<concept>`: it says which of several concepts the picture shows, and not how good it is. */
export function isConcept(score: string): boolean {
  return score.includes(':');
}

export const imageScored = z.object({
  requestId: z.string().min(1),
  generationId: z.string().min(1),
  imageIndex: z.int32().min(0),
  service: slug,
  assignment: assignment.nullable().default(null),
  image: image.pick({ uri: true, sha256: true }),
  /**
   * `scored`; or why there is no score, see {@link scoreOutcomes}. Whether a picture is a duplicate of another one is told by `pixels`, not here:
   * a duplicate has its score all the same.
   */
  outcome: z.enum(scoreOutcomes),
  /** Why there is no score, or of a scored picture no alignment; null where there is both. */
  reason: z.string().nullable().default(null),
  /** Raw cosine of image and prompt embeddings; null unless scored, and where the prompt is not known. */
  alignment: z.number().min(-1).max(1).nullable().default(null),
  /**
   * Logit by which people would prefer the picture among others of its prompt, of a model that learnt that: a is preferred to b with the
   * probability σ(a − b). Absent of other models.
   */
  preference: z.number().optional(),
  /**
   * Share of the prompts of other pictures that the picture fits worse than its own, ties by half. Its mean is the AUC of alignment: ½ for a model
   * that sees nothing of what the prompts are about. Absent where too few other prompts are known, and until 2026-11.
   */
  separation: z.number().min(0).max(1).optional(),
  /** Quality heads by name, e.g. `{ clean: 0.97 }`, and concepts, see {@link isConcept}. Empty unless scored. */
  quality: z.record(z.string(), z.number()).default({}),
  /** All pixels (nearly) the same: what a safety checker's black-out looks like. Until 2026-11 such a picture was `scored` as well. */
  blank: z.boolean().default(false),
  /** How a blank picture is blank; absent of all others, and of those of before. */
  blankKind: z.enum(['black', 'constant', 'low-contrast']).optional(),
  /** The L2-normalised image embedding, float16 little endian, base64; null unless scored. */
  embedding: z.base64().nullable().default(null),
  /** What was held against the picture, where that is not the prompt as it was written: without the syntax of front ends, see docs/models.md. */
  scoredPrompt: z.string().optional(),
  /** The prompt is longer than what can be read of it. Until 2026-11 that was one window of the model; the rest was cut off. */
  promptTruncated: z.boolean().default(false),
  /** Parts in which a long prompt was read, whose embeddings were averaged by their tokens; absent: one. */
  promptWindows: z.int().min(2).optional(),
  /** Share of the prompt's tokens that stand for words which the model does not know; absent: none. */
  unknownTokenShare: z.number().gt(0).max(1).optional(),
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
   * Digest of the decoded picture, `<width>x<height>` and its 8-bit RGB values: files differ where a service writes its parameters into them.
   * SHA-256 of the size and of the pixels' GMAC (AES-128, the key `teststrip pixels`, a nonce of zeros); it is compared with those of the latest
   * pictures and says nothing else. Absent where the picture was not decoded; until 2026-11 of pictures of pairs alone, and SHA-256 of it all.
   */
  pixels: sha256.nullable().optional(),
  /** In what the decoded picture differs from the reference (Pillow's `convert('RGB')`), see docs/models.md; absent: in nothing. */
  decoding: z.array(z.string().min(1)).optional(),
  /** Share of the picture's area that the model saw; absent: all of it. */
  seenShare: z.number().gt(0).lt(1).optional(),
  /** The picture is at least twice as long as wide, and was seen whole between borders; absent: no. */
  letterboxed: z.literal(true).optional(),
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
