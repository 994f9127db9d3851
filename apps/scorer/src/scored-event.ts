import {
  encodeEmbedding,
  stampEvent,
  topics,
  type EventDraft,
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

/** What scored: this process and its model. */
export interface ScoredBy {
  /** CloudEvents `source`. */
  readonly source: string;
  readonly identity: ScoreIdentity;
  /** Milliseconds since the epoch. */
  readonly scoredAtMs: number;
}

/**
 * The event about one picture of a generation. Its id follows from the generation's event, the picture's place and the model:
 * scoring again after a crash gives the same id, scoring again with another model a different one.
 */
export function scoredEvent(
  generation: GenerationEvent,
  imageIndex: number,
  outcome: PictureOutcome,
  { source, identity, scoredAtMs }: ScoredBy,
): ScoredEvent {
  const { data } = generation;
  const image = data.images[imageIndex] as Image;
  const draft: EventDraft<'image.scored.v1'> = {
    type: topics.imageScored.name,
    id: `${topics.imageScored.name}:${identity.digest.slice(0, 16)}:${generation.id}:${imageIndex}`,
    timeMs: scoredAtMs,
    subject: generation.subject,
    traceparent: generation.traceparent,
    data: {
      requestId: data.requestId,
      generationId: data.generationId,
      imageIndex,
      service: data.service,
      assignment: data.assignment,
      image: { uri: image.uri, sha256: image.sha256 },
      ...resultOf(outcome, data.prompt !== null),
      identity,
    },
  };
  return stampEvent(draft, source);
}

type Result = Pick<
  ImageScored,
  'outcome' | 'reason' | 'alignment' | 'quality' | 'blank' | 'embedding' | 'promptTruncated' | 'promptClass' | 'pixels'
>;

function resultOf(outcome: PictureOutcome, isPromptKnown: boolean): Result {
  if (outcome.outcome === 'scored') {
    return {
      outcome: 'scored',
      reason: null,
      // Without its prompt a picture fits nothing; all else can be said of it.
      alignment: isPromptKnown ? outcome.alignment : null,
      quality: outcome.quality,
      blank: outcome.blank,
      embedding: encodeEmbedding(outcome.embedding),
      promptTruncated: outcome.promptTruncated,
      promptClass: outcome.promptClass,
      ...(outcome.pixels === null ? {} : { pixels: outcome.pixels }),
    };
  }
  const { outcome: name, reason } = outcome;
  const nothing = { alignment: null, quality: {}, blank: false, embedding: null };
  return { outcome: name, reason, ...nothing, promptTruncated: false, promptClass: null };
}
