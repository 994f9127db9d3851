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
export type PictureOutcome = PictureScore | Exclude<FetchedPicture, { outcome: 'fetched' }> | FlaggedPicture;

/** One that the service's own safety checker found something in: it is not looked at. */
interface FlaggedPicture {
  readonly outcome: 'flagged';
  readonly reason: string;
}

/** What scored: this process and its model. */
export interface ScoredBy {
  /** CloudEvents `source`. */
  readonly source: string;
  readonly identity: ScoreIdentity;
  /** Milliseconds since the epoch. */
  readonly scoredAtMs: number;
  /** Trace context of the scoring; undefined: the generation has none. */
  readonly traceparent: string | undefined;
}

/**
 * The event about one picture of a generation. Its id follows from the generation's event, the picture's place and the model:
 * scoring again after a crash gives the same id, scoring again with another model a different one.
 */
export function scoredEvent(
  generation: GenerationEvent,
  imageIndex: number,
  outcome: PictureOutcome,
  { source, identity, scoredAtMs, traceparent }: ScoredBy,
): ScoredEvent {
  const { data } = generation;
  const image = data.images[imageIndex] as Image;
  const draft: EventDraft<'image.scored.v1'> = {
    type: topics.imageScored.name,
    id: `${topics.imageScored.name}:${identity.digest.slice(0, 16)}:${generation.id}:${imageIndex}`,
    timeMs: scoredAtMs,
    subject: generation.subject,
    traceparent,
    tracestate: generation.tracestate,
    data: {
      requestId: data.requestId,
      generationId: data.generationId,
      imageIndex,
      service: data.service,
      assignment: data.assignment,
      image: { uri: image.uri, sha256: image.sha256 },
      ...resultOf(outcome, data.prompt),
      identity,
    },
  };
  return stampEvent(draft, source);
}

type Result = Omit<
  ImageScored,
  'requestId' | 'generationId' | 'imageIndex' | 'service' | 'assignment' | 'image' | 'identity'
>;

const NOTHING: Omit<Result, 'outcome'> = {
  reason: null,
  alignment: null,
  quality: {},
  blank: false,
  embedding: null,
  promptTruncated: false,
  promptClass: null,
};

function resultOf(outcome: PictureOutcome, prompt: string | null): Result {
  if (outcome.outcome === 'scored') {
    return {
      ...NOTHING,
      ...alignmentOf(outcome, prompt),
      outcome: 'scored',
      quality: outcome.quality,
      embedding: encodeEmbedding(outcome.embedding),
      promptClass: outcome.promptClass,
      ...decodedAs(outcome),
      ...(outcome.seenShare < 1 ? { seenShare: outcome.seenShare } : {}),
      ...(outcome.isLetterboxed ? { letterboxed: true as const } : {}),
    };
  }
  const { outcome: name, reason } = outcome;
  const known = outcome.outcome === 'blank' ? { blank: true, blankKind: outcome.blank, ...decodedAs(outcome) } : {};
  return { ...NOTHING, outcome: name, reason, ...known };
}

type Scored = Extract<PictureScore, { outcome: 'scored' }>;

/** Without its prompt a picture fits nothing; all else can be said of it. */
function alignmentOf(scored: Scored, prompt: string | null): Partial<Result> {
  if (prompt === null) return { reason: 'the prompt is not known' };
  const { scoredPrompt, alignment, preference, separation, promptTruncated, promptWindows, unknownTokenShare } = scored;
  const read = scoredPrompt === prompt ? {} : { scoredPrompt };
  if (scoredPrompt === '') return { reason: 'the prompt is empty', ...read };
  return {
    alignment,
    ...(preference === null ? {} : { preference }),
    ...(separation === null ? {} : { separation }),
    ...read,
    promptTruncated,
    ...(promptWindows > 1 ? { promptWindows } : {}),
    ...(unknownTokenShare > 0 ? { unknownTokenShare } : {}),
  };
}

/** What is known of every picture that was decoded. */
function decodedAs({
  pixels,
  decoding,
}: Extract<PictureScore, { readonly pixels: string }>): Pick<Result, 'pixels' | 'decoding'> {
  return { pixels, ...(decoding.length === 0 ? {} : { decoding: [...decoding] }) };
}
