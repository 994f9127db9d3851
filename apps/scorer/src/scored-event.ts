import {
  encodeEmbedding,
  topics,
  type Image,
  type ImageScored,
  type ScoreIdentity,
  type TeststripEvent,
} from '#libs/contracts';
import type { PictureScore } from '#libs/scoring';
import type { FetchedPicture } from './fetching/fetched-picture.js';

export type GenerationEvent = TeststripEvent<'generation.completed.v1'>;
export type ScoredEvent = TeststripEvent<'image.scored.v1'>;

/** What came of one picture: a score, or why there is none. */
export type PictureOutcome = PictureScore | Exclude<FetchedPicture, { outcome: 'fetched' }>;

/**
 * The event about one picture of a generation. Its id follows from the generation's event, the picture's place and the model:
 * scoring again after a crash gives the same id, scoring again with another model a different one.
 *
 * @param scoredAt RFC 3339
 */
export function scoredEvent(
  generation: GenerationEvent,
  imageIndex: number,
  outcome: PictureOutcome,
  identity: ScoreIdentity,
  source: string,
  scoredAt: string,
): ScoredEvent {
  const { data } = generation;
  const image = data.images[imageIndex] as Image;
  return {
    specversion: '1.0',
    id: `${topics.imageScored.name}:${identity.digest.slice(0, 16)}:${generation.id}:${imageIndex}`,
    source,
    type: topics.imageScored.name,
    time: scoredAt,
    subject: generation.subject,
    ...(generation.traceparent === undefined ? {} : { traceparent: generation.traceparent }),
    data: {
      requestId: data.requestId,
      generationId: data.generationId,
      imageIndex,
      service: data.service,
      assignment: data.assignment,
      image: { uri: image.uri, sha256: image.sha256 },
      ...resultOf(outcome),
      identity,
    },
  };
}

type Result = Pick<
  ImageScored,
  'outcome' | 'reason' | 'alignment' | 'quality' | 'blank' | 'embedding' | 'promptTruncated'
>;

function resultOf(outcome: PictureOutcome): Result {
  if (outcome.outcome === 'scored') {
    return {
      outcome: 'scored',
      reason: null,
      alignment: outcome.alignment,
      quality: outcome.quality,
      blank: outcome.blank,
      embedding: encodeEmbedding(outcome.embedding),
      promptTruncated: outcome.promptTruncated,
    };
  }
  const { outcome: name, reason } = outcome;
  return { outcome: name, reason, alignment: null, quality: {}, blank: false, embedding: null, promptTruncated: false };
}
