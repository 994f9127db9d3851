import { randomUUID } from 'node:crypto';
import { encodeEvent, topics } from '#libs/contracts';
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
  /** Shortest time between two analyses. */
  readonly everyMs: number;
  readonly onFailure: (error: unknown) => void;
}

/** How often it is checked whether silence alone has changed the health. */
const SILENCE_CHECK_MS = 1_000;
const RETRY_MS = 500;

/**
 * Publishes `experiment.analysed.v1` for what has changed: the first change at once, further ones together, no more often than
 * `everyMs`. One analysis at a time; what cannot be published is analysed again.
 */
export class AnalysisPublisher {
  private readonly changed = new Set<string>();
  private readonly published = new Map<string, Analysis>();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private notBeforeMs = 0;
  private readonly silenceCheck: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly options: PublisherOptions) {
    this.silenceCheck = setInterval(() => this.checkSilence(), SILENCE_CHECK_MS);
  }

  /** The evidence of this experiment has changed. */
  note(experimentKey: string): void {
    this.changed.add(experimentKey);
    this.schedule();
  }

  /** Stops; publishes what is left if wanted. */
  async close(publishRest: boolean): Promise<void> {
    this.isClosed = true;
    clearInterval(this.silenceCheck);
    if (this.timer) clearTimeout(this.timer);
    await this.running;
    if (publishRest && this.changed.size > 0) await this.publish();
  }

  private schedule(): void {
    if (this.isClosed || this.timer || this.running) return;
    this.timer = setTimeout(
      () => {
        this.timer = null;
        this.running = this.publish().finally(() => {
          this.running = null;
          if (this.changed.size > 0) this.schedule();
        });
      },
      Math.max(0, this.notBeforeMs - performance.now()),
    );
  }

  private async publish(): Promise<void> {
    this.notBeforeMs = performance.now() + this.options.everyMs;
    const keys = [...this.changed];
    this.changed.clear();
    try {
      const analyses = keys.map((key) => [key, this.analyse(key)] as const);
      await this.options.bus.publish(analyses.map(([, analysis]) => encodeEvent(this.event(analysis))));
      for (const [key, analysis] of analyses) this.published.set(key, analysis);
    } catch (error) {
      for (const key of keys) this.changed.add(key);
      this.notBeforeMs = performance.now() + RETRY_MS;
      this.options.onFailure(error);
    }
  }

  private analyse(key: string): Analysis {
    const { design, parts } = this.options.source(key);
    return analyse(parts.reduce(mergeEvidence), design, this.options.nowMs());
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
    for (const [key, { health }] of this.published) {
      if (health.staleness.status === 'no-traffic') continue;
      if (this.analyse(key).health.staleness.status !== health.staleness.status) this.note(key);
    }
  }
}
