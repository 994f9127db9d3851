import { encodeEvent } from '#libs/contracts';
import type { EventBus } from '#libs/messaging';
import type { Clock } from '#libs/platform';
import type { Scorer, ScorerInput } from '#libs/scoring';
import type { FetchedPicture } from './fetching/fetched-picture.js';
import type { PictureFetcher } from './fetching/picture-fetcher.js';
import { isSampled, samplingRate, type SamplingOptions } from './sampling.js';
import { scoredEvent, type GenerationEvent, type PictureOutcome, type ScoredEvent } from './scored-event.js';
import type { GenerationFate, ScorerMetrics } from './scorer-metrics.js';

/** Pictures scored and published together: large enough for full batches, small enough to stay alive in between. */
const PICTURES_PER_CHUNK = 64;
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
  heartbeat(): Promise<void>;
  isStale(): boolean;
  /** Generations that wait behind this batch. */
  readonly lag: number;
}

/** Turns generations into scores: fetch, score, publish. */
export class GenerationScorer {
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
    this.parts.metrics.setSamplingRate(rate);
    const fates = events.map((event) => ({ event, fate: fateOf(event, rate) }));
    const chunks = cutIntoChunks(fates.filter(({ fate }) => fate === 'scored').map(({ event }) => event));
    let published = Promise.resolve();
    for (const chunk of chunks) {
      const rows = this.scoreChunk(chunk, await this.fetchAll(chunk));
      // One chunk is with the engine while the next one is fetched and decoded. What fails is thrown by `publishNext`.
      rows.catch(() => undefined);
      await published;
      published = this.publishNext(rows, life);
      published.catch(() => undefined);
    }
    await published;
    if (life.isStale()) return;
    for (const { event, fate } of fates) this.parts.metrics.countGeneration(event, fate);
  }

  private async publishNext(scored: Promise<readonly ScoredEvent[]>, life: BatchLife): Promise<void> {
    const rows = await scored;
    if (life.isStale()) return;
    await this.parts.bus.publish(rows.map(encodeEvent));
    for (const row of rows) this.parts.metrics.countPicture(row);
    await life.heartbeat();
  }

  private async fetchAll(chunk: readonly PlacedPicture[]): Promise<readonly FetchedPicture[]> {
    const fetched: FetchedPicture[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < chunk.length) {
        const index = next++;
        const { event, imageIndex } = chunk[index]!;
        fetched[index] = await this.parts.fetcher.fetch(event.data.images[imageIndex]!);
      }
    };
    await Promise.all(Array.from({ length: this.options.fetchConcurrency }, lane));
    return fetched;
  }

  private async scoreChunk(
    chunk: readonly PlacedPicture[],
    fetched: readonly FetchedPicture[],
  ): Promise<readonly ScoredEvent[]> {
    const inputs: ScorerInput[] = [];
    chunk.forEach(({ event, imageIndex }, index) => {
      const picture = fetched[index]!;
      if (picture.outcome !== 'fetched') return;
      // The fetcher has verified that the bytes have this hash, where one was announced.
      const { sha256 } = event.data.images[imageIndex]!;
      const known = sha256 === null ? {} : { sha256 };
      const withPixels = event.data.assignment?.pair !== undefined;
      inputs.push({ imageBytes: picture.bytes, ...known, withPixels, prompt: event.data.prompt ?? '' });
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

interface PlacedPicture {
  readonly event: GenerationEvent;
  readonly imageIndex: number;
}

function fateOf(event: GenerationEvent, rate: number): GenerationFate {
  if (event.data.images.length === 0) return 'failed';
  // Of a pair with one score nothing can be said.
  const isOfPair = event.data.assignment?.pair !== undefined;
  return isOfPair || isSampled(event.id, rate) ? 'scored' : 'sampled-out';
}

function cutIntoChunks(events: readonly GenerationEvent[]): readonly (readonly PlacedPicture[])[] {
  const chunks: PlacedPicture[][] = [[]];
  let bytes = 0;
  for (const event of events) {
    for (const [imageIndex, image] of event.data.images.entries()) {
      const chunk = chunks.at(-1)!;
      const size = image.bytes ?? PRESUMED_BYTES;
      const full = chunk.length === PICTURES_PER_CHUNK || (chunk.length > 0 && bytes + size > BYTES_PER_CHUNK);
      if (full) {
        chunks.push([{ event, imageIndex }]);
        bytes = size;
      } else {
        chunk.push({ event, imageIndex });
        bytes += size;
      }
    }
  }
  return chunks.filter((chunk) => chunk.length > 0);
}
