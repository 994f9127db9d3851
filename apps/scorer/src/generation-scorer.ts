import { setMaxListeners } from 'node:events';
import { encodeEvent } from '#libs/contracts';
import type { EventBus } from '#libs/messaging';
import { noTracer, type Clock, type Tracer } from '#libs/platform';
import type { Scorer } from '#libs/scoring';
import type { FetchedPicture } from './fetching/fetched-picture.js';
import type { PictureFetcher } from './fetching/picture-fetcher.js';
import { RowQueue } from './row-queue.js';
import { scoreSpan } from './score-span.js';
import { isSampled, samplingRate, type SamplingOptions } from './sampling.js';
import { scoredEvent, type GenerationEvent, type PictureOutcome, type ScoredEvent } from './scored-event.js';
import type { GenerationFate, ScorerMetrics } from './scorer-metrics.js';

/** Most rows published together. */
const ROWS_PER_PUBLISH = 64;
/** How often a batch that waits looks whether it is still wanted, and says that it is alive. */
const SIGN_OF_LIFE_MS = 1_000;

export interface GenerationScorerOptions {
  /** CloudEvents `source` of the scores: this process. */
  readonly source: string;
  readonly sampling: SamplingOptions;
}

/** What it works with. */
export interface GenerationScorerParts {
  readonly scorer: Scorer;
  readonly fetcher: PictureFetcher;
  readonly bus: Pick<EventBus, 'publish'>;
  readonly metrics: ScorerMetrics;
  readonly clock: Clock;
  /** Default: no spans are kept. */
  readonly tracer?: Tracer;
}

/** How a batch stays in touch with its carrier. */
export interface BatchLife {
  /** @param done how many generations, counted from the first, need no repetition. */
  heartbeat(done: number): Promise<void>;
  isStale(): boolean;
  /** Generations that wait behind this batch. */
  readonly lag: number;
}

/**
 * Turns generations into scores: every picture goes its own way through fetching, decoding and the model, side by side with those of all other
 * batches, and its row is published when it is there. Each stage has its bounds where it is built; what waits for one holds no bytes.
 */
export class GenerationScorer {
  /** Pictures that something became of, in all batches: while the number grows, a batch that waits is alive. */
  private finished = 0;

  constructor(
    private readonly parts: GenerationScorerParts,
    private readonly options: GenerationScorerOptions,
  ) {}

  /**
   * Publishes one event for every picture of the sampled generations, as they come. Resolves when all of them are durable, so that the position
   * may move on; before, it moves as far as everything is. Stops early, with nothing more published, when the partition has been taken away.
   *
   * @throws whatever the engine or the bus fails with: the whole batch may be given again, the events keep their ids
   */
  async scoreBatch(events: readonly GenerationEvent[], life: BatchLife): Promise<void> {
    const rate = samplingRate(this.options.sampling, life.lag);
    this.parts.metrics.setSamplingRate(rate);
    const batch = new BatchProgress(events.map((event) => ({ event, fate: fateOf(event, rate) })));
    const ended = new AbortController();
    // Each picture that waits listens.
    setMaxListeners(0, ended.signal);
    const signs = this.giveSigns(batch, life, ended);
    try {
      await this.publishAll(batch, this.scoreAll(batch, ended.signal), life);
    } catch (error) {
      if (!life.isStale()) throw error;
    } finally {
      clearInterval(signs);
      // What is still under way is wanted by nobody.
      ended.abort(new BatchEndedError('its batch has ended'));
    }
  }

  private scoreAll(batch: BatchProgress, signal: AbortSignal): RowQueue<PlacedRow> {
    const rows = new RowQueue<PlacedRow>();
    for (const picture of batch.pictures) {
      this.scorePicture(picture, signal).then(
        (row) => rows.add({ generation: picture.generation, row }),
        (error: unknown) => rows.fail(error),
      );
    }
    signal.addEventListener('abort', () => rows.fail(signal.reason), { once: true });
    return rows;
  }

  private async publishAll(batch: BatchProgress, queue: RowQueue<PlacedRow>, life: BatchLife): Promise<void> {
    for (let left = batch.pictures.length; left > 0 && !life.isStale();) {
      const rows = await queue.take(ROWS_PER_PUBLISH);
      if (life.isStale()) return;
      await this.parts.bus.publish(rows.map(({ row }) => encodeEvent(row)));
      left -= rows.length;
      for (const { generation, row } of rows) {
        this.parts.metrics.countPicture(row);
        batch.published(generation);
      }
      await this.moveOn(batch, life);
    }
    if (batch.pictures.length === 0) await this.moveOn(batch, life);
  }

  private async moveOn(batch: BatchProgress, life: BatchLife): Promise<void> {
    for (const { event, fate } of batch.newlyDone()) this.parts.metrics.countGeneration(event, fate);
    await life.heartbeat(batch.done);
  }

  /** While pictures are finished anywhere, this batch is in the queue and not stuck. */
  private giveSigns(batch: BatchProgress, life: BatchLife, ended: AbortController): NodeJS.Timeout {
    let finishedBefore = this.finished;
    return setInterval(() => {
      if (life.isStale()) ended.abort(new BatchEndedError('its partition was taken away'));
      else if (this.finished !== finishedBefore) void life.heartbeat(batch.done).catch(() => undefined);
      finishedBefore = this.finished;
    }, SIGN_OF_LIFE_MS);
  }

  private async scorePicture({ event, imageIndex }: PlacedPicture, signal: AbortSignal): Promise<ScoredEvent> {
    const image = event.data.images[imageIndex]!;
    const startMs = this.parts.clock.nowMs();
    const context = { madeAtMs: Date.parse(event.time), signal };
    const outcome: PictureOutcome =
      image.flagged === true
        ? FLAGGED
        : await this.parts.fetcher.use(image, context, (fetched) => this.look(event, image.sha256, fetched));
    this.finished += 1;
    const { identity } = this.parts.scorer;
    const scoredAtMs = this.parts.clock.nowMs();
    const traceparent = scoreSpan(this.parts.tracer ?? noTracer, event, { outcome, startMs, endMs: scoredAtMs });
    const scoredBy = { source: this.options.source, identity, scoredAtMs, traceparent };
    return scoredEvent(event, imageIndex, outcome, scoredBy);
  }

  private async look(event: GenerationEvent, sha256: string | null, fetched: FetchedPicture): Promise<PictureOutcome> {
    if (fetched.outcome !== 'fetched') return fetched;
    // The fetcher has verified that the bytes have this hash, where one was announced.
    const known = sha256 === null ? {} : { sha256 };
    const input = { imageBytes: fetched.bytes, ...known, prompt: event.data.prompt ?? '' };
    const [score] = await this.parts.scorer.score([input]);
    return score!;
  }
}

/** A picture is not fetched because nobody waits for it any more. */
class BatchEndedError extends Error {
  override readonly name = 'BatchEndedError';
}

/** What the service puts in the place of such a picture, if anything, says nothing of what it paints. */
const FLAGGED = {
  outcome: 'flagged',
  reason: 'the service’s own safety checker flagged the picture',
} as const;

interface PlacedPicture {
  readonly event: GenerationEvent;
  readonly imageIndex: number;
  /** Place of its generation in the batch. */
  readonly generation: number;
}

interface PlacedRow {
  readonly generation: number;
  readonly row: ScoredEvent;
}

interface FatedGeneration {
  readonly event: GenerationEvent;
  readonly fate: GenerationFate;
}

/** How far a batch has come: rows are published in any order, the position moves as far as nothing is missing before it. */
class BatchProgress {
  readonly pictures: readonly PlacedPicture[];
  /** Pictures without a published row, by generation. */
  private readonly missing: number[];
  private reached = 0;
  private told = 0;

  constructor(private readonly generations: readonly FatedGeneration[]) {
    this.pictures = generations.flatMap(({ event, fate }, generation) =>
      fate === 'scored' ? event.data.images.map((_, imageIndex) => ({ event, imageIndex, generation })) : [],
    );
    this.missing = generations.map(({ event, fate }) => (fate === 'scored' ? event.data.images.length : 0));
    this.advance();
  }

  /** Generations from the first on that need nothing more. */
  get done(): number {
    return this.reached;
  }

  published(generation: number): void {
    this.missing[generation]! -= 1;
    this.advance();
  }

  /** Those that are done since the last call. */
  newlyDone(): readonly FatedGeneration[] {
    const from = this.told;
    this.told = this.reached;
    return this.generations.slice(from, this.reached);
  }

  private advance(): void {
    while (this.missing[this.reached] === 0) this.reached += 1;
  }
}

function fateOf(event: GenerationEvent, rate: number): GenerationFate {
  if (event.data.images.length === 0) return 'failed';
  // Of a pair with one score nothing can be said.
  const isOfPair = event.data.assignment?.pair !== undefined;
  return isOfPair || isSampled(event.id, rate) ? 'scored' : 'sampled-out';
}
