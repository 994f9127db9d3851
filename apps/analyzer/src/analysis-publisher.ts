import { randomUUID } from 'node:crypto';
import { encodeEvent, MILLION, topics } from '#libs/contracts';
import { analyse, type Analysis, type Evidence, type EvidenceDesign, mergeEvidence } from '#libs/evidence';
import type { EventBus } from '#libs/messaging';

/** How the publisher gets at the evidence of an experiment: one state per partition, always in the same order. */
export type EvidenceSource = (experimentKey: string) => {
  readonly design: EvidenceDesign;
  readonly parts: readonly Evidence[];
};

export interface PublisherOptions {
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

interface Analysed {
  readonly analysis: Analysis;
  /** One variant has all the traffic. */
  readonly isSettled: boolean;
}

interface Published {
  readonly analysis: Analysis;
  /** When the experiment may be analysed again, on the clock of `performance.now()`. */
  readonly againAtMs: number;
}

/**
 * Publishes `experiment.analysed.v1` for what has changed: the first change at once, further ones of the same experiment together, no
 * more often than `everyMs`, and once a second where one variant has all the traffic and nothing is left to decide quickly.
 * One analysis at a time; what cannot be published is analysed again.
 */
export class AnalysisPublisher {
  private readonly changed = new Set<string>();
  private readonly published = new Map<string, Published>();
  private timer: { readonly handle: NodeJS.Timeout; readonly atMs: number } | null = null;
  private running: Promise<void> | null = null;
  private retryAtMs = 0;
  private readonly failedUntilMs = new Map<string, number>();
  private readonly silenceCheck: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly options: PublisherOptions) {
    this.silenceCheck = setInterval(() => this.checkSilence(), SILENCE_CHECK_MS);
  }

  /** The evidence of this experiment has changed. */
  note(experimentKey: string): void {
    if (this.changed.has(experimentKey)) return;
    this.changed.add(experimentKey);
    this.schedule();
  }

  /** Stops; publishes what is left if wanted. */
  async close(publishRest: boolean): Promise<void> {
    this.isClosed = true;
    clearInterval(this.silenceCheck);
    if (this.timer) clearTimeout(this.timer.handle);
    await this.running;
    if (publishRest && this.changed.size > 0) await this.publish([...this.changed]);
  }

  private schedule(): void {
    if (this.isClosed || this.running || this.changed.size === 0) return;
    const atMs = Math.min(...[...this.changed].map((key) => this.dueAtMs(key)));
    if (this.timer && this.timer.atMs <= atMs) return;
    if (this.timer) clearTimeout(this.timer.handle);
    const handle = setTimeout(() => this.run(), Math.max(0, atMs - performance.now()));
    this.timer = { handle, atMs };
  }

  private run(): void {
    this.timer = null;
    const nowMs = performance.now();
    // A timer may ring a fraction of a millisecond early.
    const due = [...this.changed].filter((key) => this.dueAtMs(key) <= nowMs + 1);
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
    for (const key of keys) this.changed.delete(key);
    const analysed = keys.flatMap((key) => this.tryToAnalyse(key));
    if (analysed.length === 0) return;
    try {
      await this.options.bus.publish(analysed.map(({ analysis }) => encodeEvent(this.event(analysis))));
      for (const { key, analysis, isSettled } of analysed) {
        const pauseMs = isSettled ? Math.max(SETTLED_EVERY_MS, this.options.everyMs) : this.options.everyMs;
        this.published.set(key, { analysis, againAtMs: startedAtMs + pauseMs });
      }
    } catch (error) {
      for (const { key } of analysed) this.changed.add(key);
      this.retryAtMs = performance.now() + RETRY_MS;
      this.options.onFailure(error);
    }
  }

  /** Nothing where the analysis fails: it is tried again later, and the other experiments are analysed meanwhile. */
  private tryToAnalyse(key: string): (Analysed & { readonly key: string })[] {
    try {
      const analysed = { key, ...this.analyse(key) };
      this.failedUntilMs.delete(key);
      return [analysed];
    } catch (error) {
      this.failedUntilMs.set(key, performance.now() + FAILED_AGAIN_MS);
      this.changed.add(key);
      this.options.onFailure(new Error(`${key}: ${(error as Error).message}`, { cause: error }));
      return [];
    }
  }

  private analyse(key: string): Analysed {
    const { design, parts } = this.options.source(key);
    const evidence = parts.reduce(mergeEvidence);
    const weights = evidence.traffic.epochs.get(evidence.newestEpoch)?.weightsPpm ?? {};
    return {
      analysis: analyse(evidence, design, this.options.nowMs()),
      isSettled: Object.values(weights).includes(MILLION),
    };
  }

  private event(analysis: Analysis) {
    const analysisId = randomUUID();
    const analysedAt = new Date(this.options.nowMs()).toISOString();
    return {
      specversion: '1.0' as const,
      id: analysisId,
      source: '/teststrip/analyzer',
      type: topics.experimentAnalysed.name,
      time: analysedAt,
      subject: analysis.experiment,
      data: { ...analysis, analysisId, analysedAt },
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
