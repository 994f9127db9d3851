import { encodeEvent } from '#libs/contracts';
import type { EventBus } from '#libs/messaging';
import type { Clock } from '#libs/platform';
import type { Scorer, ScorerInput } from '#libs/scoring';
import type { FetchedPicture } from './fetching/fetched-picture.js';
import type { PictureFetcher } from './fetching/picture-fetcher.js';
import { isSampled, samplingRate, type SamplingOptions } from './sampling.js';
import { scoredEvent, type GenerationEvent, type PictureOutcome, type ScoredEvent } from './scored-event.js';
import type { GenerationFate, ScorerMetrics } from './scorer-metrics.js';

/** Most pictures scored and published together: a full batch of the engine. */
const MOST_PER_CHUNK = 64;
/** Pictures of the first chunk, before it is known how fast the model is. */
const FIRST_CHUNK = 8;
/** Time that a chunk may take before the next ones are smaller: well below the silence after which a consumer counts as hung. */
const CHUNK_AT_MOST_MS = 5_000;
/** Announced size at which a chunk ends earlier: two chunks of files are in memory at a time. */
const BYTES_PER_CHUNK = 64 * 1024 * 1024;
/** Of a picture whose size is not announced. */
const PRESUMED_BYTES = 4 * 1024 * 1024;

export interface GenerationScorerOptions {
  /** CloudEvents `source` of the scores: this process. */
  readonly source: string;
  /** Pictures fetched at the same time. */
  readonly fetchConcurrency: number;
  readonly sampling: SamplingOptions;
}

/** What it works with. */
export interface GenerationScorerParts {
  readonly scorer: Scorer;
  readonly fetcher: PictureFetcher;
  readonly bus: Pick<EventBus, 'publish'>;
  readonly metrics: ScorerMetrics;
  readonly clock: Clock;
}

/** How a batch stays in touch with its carrier. */
export interface BatchLife {
  /** @param done how many generations, counted from the first, need no repetition. */
  heartbeat(done: number): Promise<void>;
  isStale(): boolean;
  /** Generations that wait behind this batch. */
  readonly lag: number;
}

/** Turns generations into scores: fetch, score, publish. */
export class GenerationScorer {
  private chunkSize = FIRST_CHUNK;

  constructor(
    private readonly parts: GenerationScorerParts,
    private readonly options: GenerationScorerOptions,
  ) {}

  /**
   * Publishes one event for every picture of the sampled generations, in their order. Resolves when all of them are durable, so
   * that the position may move on; stops early, with nothing more published, when the partition has been taken away.
   *
   * @throws whatever the engine or the bus fails with: the whole batch may be given again, the events keep their ids
   */
  async scoreBatch(events: readonly GenerationEvent[], life: BatchLife): Promise<void> {
    const rate = samplingRate(this.options.sampling, life.lag);
    const { metrics, clock } = this.parts;
    metrics.setSamplingRate(rate);
    const queue = new PictureQueue(events.map((event) => ({ event, fate: fateOf(event, rate) })));
    let published = Promise.resolve();
    let endedAtMs = clock.nowMs();
    while (!queue.isEmpty && !life.isStale()) {
      const chunk = queue.take(this.chunkSize);
      const rows = this.scoreChunk(chunk.pictures, await this.fetchAll(chunk.pictures));
      // One chunk is with the engine while the next one is fetched and decoded. What fails is thrown by `publishNext`.
      rows.catch(() => undefined);
      await published;
      published = this.publishNext(rows, chunk, life).then(() => {
        this.adapt(chunk.pictures.length, clock.nowMs() - endedAtMs);
        endedAtMs = clock.nowMs();
      });
      published.catch(() => undefined);
    }
    await published;
  }

  /** A slow model gets smaller chunks, so that each of them is a sign of life in time. */
  private adapt(pictures: number, tookMs: number): void {
    if (tookMs > CHUNK_AT_MOST_MS) this.chunkSize = Math.max(1, Math.floor(this.chunkSize / 2));
    else if (pictures === this.chunkSize && tookMs < CHUNK_AT_MOST_MS / 3)
      this.chunkSize = Math.min(MOST_PER_CHUNK, 2 * this.chunkSize);
  }

  private async publishNext(scored: Promise<readonly ScoredEvent[]>, chunk: Chunk, life: BatchLife): Promise<void> {
    const rows = await scored;
    if (life.isStale()) return;
    if (rows.length > 0) await this.parts.bus.publish(rows.map(encodeEvent));
    for (const row of rows) this.parts.metrics.countPicture(row);
    for (const { event, fate } of chunk.completes) this.parts.metrics.countGeneration(event, fate);
    await life.heartbeat(chunk.done);
  }

  private async fetchAll(chunk: readonly PlacedPicture[]): Promise<readonly (FetchedPicture | typeof FLAGGED)[]> {
    const fetched: (FetchedPicture | typeof FLAGGED)[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < chunk.length) {
        const index = next++;
        const { event, imageIndex } = chunk[index]!;
        const image = event.data.images[imageIndex]!;
        fetched[index] = image.flagged === true ? FLAGGED : await this.parts.fetcher.fetch(image);
      }
    };
    await Promise.all(Array.from({ length: this.options.fetchConcurrency }, lane));
    return fetched;
  }

  private async scoreChunk(
    chunk: readonly PlacedPicture[],
    fetched: readonly (FetchedPicture | typeof FLAGGED)[],
  ): Promise<readonly ScoredEvent[]> {
    const inputs: ScorerInput[] = [];
    chunk.forEach(({ event, imageIndex }, index) => {
      const picture = fetched[index]!;
      if (picture.outcome !== 'fetched') return;
      // The fetcher has verified that the bytes have this hash, where one was announced.
      const { sha256 } = event.data.images[imageIndex]!;
      const known = sha256 === null ? {} : { sha256 };
      inputs.push({ imageBytes: picture.bytes, ...known, prompt: event.data.prompt ?? '' });
    });
    const scores = (await this.parts.scorer.score(inputs)).values();
    const { identity } = this.parts.scorer;
    const scoredBy = { source: this.options.source, identity, scoredAtMs: this.parts.clock.nowMs() };
    return chunk.map(({ event, imageIndex }, index) => {
      const picture = fetched[index]!;
      const outcome: PictureOutcome = picture.outcome === 'fetched' ? scores.next().value! : picture;
      return scoredEvent(event, imageIndex, outcome, scoredBy);
    });
  }
}

/** What the service puts in the place of such a picture, if anything, says nothing of what it paints. */
const FLAGGED = {
  outcome: 'flagged',
  reason: 'the service’s own safety checker flagged the picture',
} as const;

interface PlacedPicture {
  readonly event: GenerationEvent;
  readonly imageIndex: number;
}

interface FatedGeneration {
  readonly event: GenerationEvent;
  readonly fate: GenerationFate;
}

/** Pictures that are scored and published together. */
interface Chunk {
  readonly pictures: readonly PlacedPicture[];
  /** Generations that need nothing more once it is published. */
  readonly completes: readonly FatedGeneration[];
  /** How many these are, together with those of the chunks before. */
  readonly done: number;
}

/** The pictures of a batch in their order, taken from it chunk by chunk. */
class PictureQueue {
  /** Generations that are taken as a whole. */
  private done = 0;
  /** Pictures taken of the generation after them. */
  private taken = 0;

  constructor(private readonly fates: readonly FatedGeneration[]) {}

  /** Up to `most` pictures, fewer where they are large; and the generations without pictures to score on the way. */
  take(most: number): Chunk {
    const pictures: PlacedPicture[] = [];
    const from = this.done;
    let bytes = 0;
    for (; this.done < this.fates.length; this.done += 1, this.taken = 0) {
      const { event, fate } = this.fates[this.done]!;
      const images = fate === 'scored' ? event.data.images : [];
      for (; this.taken < images.length; this.taken += 1) {
        const size = images[this.taken]!.bytes ?? PRESUMED_BYTES;
        const isFull = pictures.length === most || (pictures.length > 0 && bytes + size > BYTES_PER_CHUNK);
        if (isFull) return { pictures, completes: this.fates.slice(from, this.done), done: this.done };
        pictures.push({ event, imageIndex: this.taken });
        bytes += size;
      }
    }
    return { pictures, completes: this.fates.slice(from), done: this.done };
  }

  get isEmpty(): boolean {
    return this.done === this.fates.length;
  }
}

function fateOf(event: GenerationEvent, rate: number): GenerationFate {
  if (event.data.images.length === 0) return 'failed';
  // Of a pair with one score nothing can be said.
  const isOfPair = event.data.assignment?.pair !== undefined;
  return isOfPair || isSampled(event.id, rate) ? 'scored' : 'sampled-out';
}
