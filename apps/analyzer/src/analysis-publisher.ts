import { randomUUID } from 'node:crypto';
import { eventSource, MILLION, topics } from '#libs/contracts';
import { analyse, type Analysis, type Evidence, type EvidenceDesign, mergeEvidence } from '#libs/evidence';
import {
  createEventPublisher,
  RecordRefusedError,
  type EventBus,
  type EventPublisher,
  type NewEvent,
} from '#libs/messaging';

/** How the publisher gets at the evidence of an experiment: one state per partition, always in the same order. */
export type EvidenceSource = (experimentKey: string) => {
  readonly design: EvidenceDesign;
  readonly parts: readonly Evidence[];
};

export interface AnalysisPublisherOptions {
  readonly bus: EventBus;
  readonly nowMs: () => number;
  readonly source: EvidenceSource;
  /** Shortest time between two analyses of an experiment. */
  readonly everyMs: number;
  readonly onFailure: (error: unknown) => void;
}

/** How often it is checked whether silence alone has changed the health. */
const SILENCE_CHECK_MS = 1_000;
const RETRY_MS = 500;
/** Before an experiment whose analysis itself fails is analysed again. */
const FAILED_AGAIN_MS = 5_000;
/** Between two analyses of an experiment whose traffic all goes to one variant. */
const SETTLED_EVERY_MS = 1_000;
/** So long after its newest pair an experiment counts as being in its shadow: then harm has to be found quickly though one variant has all the traffic. */
const SHADOW_LASTS_MS = 30_000;

interface Analysed {
  readonly key: string;
  readonly traceparent: string | undefined;
  readonly analysis: Analysis;
  /** One variant has all the traffic. */
  readonly isSettled: boolean;
}

interface Published {
  readonly analysis: Analysis;
  /** When the experiment may be analysed again, on the clock of `performance.now()`. */
  readonly againAtMs: number;
  /** When an analysis last had more pairs than the one before, on the same clock; absent: none has. */
  readonly pairsAtMs: number | undefined;
}

/**
 * Publishes `experiment.analysed.v1` for what has changed: the first change at once, further ones of the same experiment together, no
 * more often than `everyMs`, and once a second where one variant has all the traffic, no pairs of a shadow come, and nothing is left to decide quickly.
 * One analysis at a time; what cannot be published is analysed again.
 */
export class AnalysisPublisher {
  private readonly publisher: EventPublisher;
  /** With the trace of the event that changed it last. */
  private readonly changed = new Map<string, string | undefined>();
  private readonly published = new Map<string, Published>();
  private timer: { readonly handle: NodeJS.Timeout; readonly atMs: number } | null = null;
  private running: Promise<void> | null = null;
  private retryAtMs = 0;
  private readonly failedUntilMs = new Map<string, number>();
  private readonly silenceCheck: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly options: AnalysisPublisherOptions) {
    this.publisher = createEventPublisher(options.bus, eventSource('analyzer', String(process.pid)));
    this.silenceCheck = setInterval(() => this.checkSilence(), SILENCE_CHECK_MS);
  }

  /** The evidence of this experiment has changed, by an event of this trace. */
  note(experimentKey: string, traceparent?: string): void {
    const isNew = !this.changed.has(experimentKey);
    this.changed.set(experimentKey, traceparent);
    if (isNew) this.schedule();
  }

  /** Stops; publishes what is left if wanted. */
  async close(publishRest: boolean): Promise<void> {
    this.isClosed = true;
    clearInterval(this.silenceCheck);
    if (this.timer) clearTimeout(this.timer.handle);
    await this.running;
    if (publishRest && this.changed.size > 0) await this.publish([...this.changed.keys()]);
  }

  private schedule(): void {
    if (this.isClosed || this.running || this.changed.size === 0) return;
    const atMs = Math.min(...[...this.changed.keys()].map((key) => this.dueAtMs(key)));
    if (this.timer && this.timer.atMs <= atMs) return;
    if (this.timer) clearTimeout(this.timer.handle);
    const handle = setTimeout(() => this.run(), Math.max(0, atMs - performance.now()));
    this.timer = { handle, atMs };
  }

  private run(): void {
    this.timer = null;
    const nowMs = performance.now();
    // A timer may ring a fraction of a millisecond early.
    const due = [...this.changed.keys()].filter((key) => this.dueAtMs(key) <= nowMs + 1);
    this.running = this.publish(due).finally(() => {
      this.running = null;
      this.schedule();
    });
  }

  private dueAtMs(key: string): number {
    return Math.max(this.retryAtMs, this.published.get(key)?.againAtMs ?? 0, this.failedUntilMs.get(key) ?? 0);
  }

  private async publish(keys: readonly string[]): Promise<void> {
    const startedAtMs = performance.now();
    const analysed = keys.flatMap((key) => this.tryToAnalyse(key, this.changed.get(key)));
    for (const { key } of analysed) this.changed.delete(key);
    if (analysed.length === 0) return;
    try {
      await this.send(analysed, startedAtMs);
    } catch (error) {
      this.changeAgain(analysed);
      this.retryAtMs = performance.now() + RETRY_MS;
      this.options.onFailure(error);
    }
  }

  /** All at once; of those that the bus refuses each is tried again later by itself. */
  private async send(analysed: readonly Analysed[], startedAtMs: number): Promise<void> {
    try {
      await this.publisher.publish(analysed.map((one) => this.event(one)));
      for (const one of analysed) this.published.set(one.key, this.publishedAs(one, startedAtMs));
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw error;
      if (analysed.length > 1) for (const one of analysed) await this.send([one], startedAtMs);
      else this.refused(analysed, error);
    }
  }

  private refused(analysed: readonly Analysed[], error: RecordRefusedError): void {
    this.changeAgain(analysed);
    for (const { key } of analysed) {
      this.failedUntilMs.set(key, performance.now() + FAILED_AGAIN_MS);
      this.options.onFailure(new Error(`${key}: ${error.message}`, { cause: error }));
    }
  }

  /** What could not be published has changed still. */
  private changeAgain(analysed: readonly Analysed[]): void {
    for (const { key, traceparent } of analysed) if (!this.changed.has(key)) this.changed.set(key, traceparent);
  }

  private publishedAs({ key, analysis, isSettled }: Analysed, startedAtMs: number): Published {
    const before = this.published.get(key);
    const hasMorePairs = pairsIn(analysis) > (before ? pairsIn(before.analysis) : 0);
    const pairsAtMs = hasMorePairs ? startedAtMs : before?.pairsAtMs;
    const isInShadow = pairsAtMs !== undefined && startedAtMs - pairsAtMs < SHADOW_LASTS_MS;
    const { everyMs } = this.options;
    const pauseMs = isSettled && !isInShadow ? Math.max(SETTLED_EVERY_MS, everyMs) : everyMs;
    return { analysis, againAtMs: startedAtMs + pauseMs, pairsAtMs };
  }

  /** Nothing where the analysis fails: it is tried again later, and the other experiments are analysed meanwhile. */
  private tryToAnalyse(key: string, traceparent?: string): Analysed[] {
    try {
      const analysed = { key, traceparent, ...this.analyse(key) };
      this.failedUntilMs.delete(key);
      return [analysed];
    } catch (error) {
      this.failedUntilMs.set(key, performance.now() + FAILED_AGAIN_MS);
      this.changed.set(key, traceparent);
      this.options.onFailure(new Error(`${key}: ${(error as Error).message}`, { cause: error }));
      return [];
    }
  }

  private analyse(key: string): Pick<Analysed, 'analysis' | 'isSettled'> {
    const { design, parts } = this.options.source(key);
    const evidence = parts.reduce(mergeEvidence);
    const weights = evidence.traffic.epochs.get(evidence.newestEpoch)?.weightsPpm ?? {};
    return {
      analysis: analyse(evidence, design, this.options.nowMs()),
      isSettled: Object.values(weights).includes(MILLION),
    };
  }

  private event({ analysis, traceparent }: Analysed): NewEvent<'experiment.analysed.v1'> {
    const analysisId = randomUUID();
    const timeMs = this.options.nowMs();
    return {
      type: topics.experimentAnalysed.name,
      id: analysisId,
      timeMs,
      subject: analysis.experiment,
      traceparent,
      data: { ...analysis, analysisId, analysedAt: new Date(timeMs).toISOString() },
    };
  }

  /** Silence is a finding too: when nothing arrives, nothing else would say so. */
  private checkSilence(): void {
    for (const [key, { analysis }] of this.published) {
      const { status } = analysis.health.staleness;
      if (status === 'no-traffic') continue;
      const [now] = this.tryToAnalyse(key);
      if (now && now.analysis.health.staleness.status !== status) this.note(key);
    }
  }
}

/** All that is known of pairs, whole and half. */
function pairsIn({ pairs = [] }: Analysis): number {
  return pairs.reduce((sum, { n, halves }) => sum + n + halves.control + halves.candidate, 0);
}
