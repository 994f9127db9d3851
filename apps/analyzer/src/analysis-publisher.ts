import { randomUUID } from 'node:crypto';
import { eventSource, MILLION, topics } from '#libs/contracts';
import { analyse, type Analysis, type EvidenceDesign, underEpoch } from '#libs/evidence';
import {
  createEventPublisher,
  type EventBus,
  type EventPublisher,
  type NewEvent,
  RecordRefusedError,
} from '#libs/messaging';
import { noTracer, type Tracer } from '#libs/platform';
import { AnalysisSpans } from './analysis-spans.js';
import type { AnalyzerOptions } from './analyzer-options.js';
import { type CountedEvidence, MergedTotal } from './merged-total.js';

/** How the publisher gets at the evidence of an experiment: one state per partition, always in the same order. */
export type EvidenceSource = (experimentKey: string) => {
  readonly design: EvidenceDesign;
  readonly parts: readonly CountedEvidence[];
};

export interface AnalysisPublisherOptions {
  readonly bus: EventBus;
  readonly nowMs: () => number;
  readonly source: EvidenceSource;
  /** Shortest time between two analyses of an experiment. */
  readonly everyMs: number;
  /** False while somebody else may publish; it is tried again then. */
  readonly mayPublish: () => boolean;
  /** Default: no spans are kept. */
  readonly tracer?: Tracer | undefined;
  /** An analysis is on the bus. */
  readonly onPublished?: (analysis: Analysis) => void;
  readonly onFailure: (error: unknown) => void;
}

/** Publishes what one analyzer says, measured, traced and logged as its options want. */
export function analysesOf(
  {
    bus,
    clock,
    log,
    measured,
    tracer,
    analyseEveryMs = 50,
  }: Pick<AnalyzerOptions, 'bus' | 'clock' | 'log' | 'measured' | 'tracer' | 'analyseEveryMs'>,
  evidence: Pick<AnalysisPublisherOptions, 'source' | 'mayPublish'>,
): AnalysisPublisher {
  return new AnalysisPublisher({
    bus,
    nowMs: () => clock.nowMs(),
    everyMs: analyseEveryMs,
    tracer,
    onPublished: (analysis) => measured?.published(analysis, clock.nowMs()),
    onFailure: (error) =>
      log.warn(`an analysis could not be published and will be repeated: ${(error as Error).message}`),
    ...evidence,
  });
}

/** Between two published analyses of an experiment that say the same but for their numbers. */
const SAY_EVERY_MS = 1_000;
/** How long it analyses at a time. Then it rests for as long as that took: half of the processor, and more, is for folding. */
const SLICE_MS = 25;
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
  /** See {@link findingsOf}. */
  readonly findings: string;
  /** One variant has all the traffic. */
  readonly isSettled: boolean;
}

/** The newest analysis of an experiment; times are those of `performance.now()`. */
interface Known {
  readonly analysis: Analysis;
  readonly atMs: number;
  /** When the experiment may be analysed again. */
  readonly againAtMs: number;
  /** When an analysis last had more pairs than the one before; absent: none has. */
  readonly pairsAtMs: number | undefined;
}

/** The newest analysis of an experiment that was published. */
interface Said {
  readonly findings: string;
  readonly atMs: number;
}

/**
 * Publishes `experiment.analysed.v1` for what has changed: at once where a verdict, a proof, the health or anything else than a number is another
 * one than in the analysis before, else once a second. To know that, it analyses the first change at once, further ones of the same experiment
 * together, no more often than `everyMs`, and once a second where one variant has all the traffic, no pairs of a shadow come, and nothing is left
 * to decide quickly. Where there are too many experiments for that it analyses one after the other, {@link SLICE_MS} at a time.
 * What cannot be published is analysed again.
 */
export class AnalysisPublisher {
  private readonly publisher: EventPublisher;
  private readonly spans: AnalysisSpans;
  /** With the trace of the event that changed it last: not analysed yet, and analysed but not published. */
  private readonly changed = new Map<string, string | undefined>();
  private readonly unsaid = new Map<string, string | undefined>();
  private readonly totals = new Map<string, MergedTotal>();
  private readonly known = new Map<string, Known>();
  private readonly said = new Map<string, Said>();
  private timer: { readonly handle: NodeJS.Timeout; readonly atMs: number } | null = null;
  private running: Promise<void> | null = null;
  private restUntilMs = 0;
  private readonly failedUntilMs = new Map<string, number>();
  private readonly silenceCheck: NodeJS.Timeout;
  private isClosed = false;

  constructor(private readonly options: AnalysisPublisherOptions) {
    this.publisher = createEventPublisher(options.bus, eventSource('analyzer', String(process.pid)));
    this.spans = new AnalysisSpans(options.tracer ?? noTracer);
    this.silenceCheck = setInterval(() => this.checkSilence(), SILENCE_CHECK_MS);
  }

  /** The evidence of this experiment has changed, by an event of this trace. */
  note(experimentKey: string, traceparent?: string): void {
    const isNew = !this.changed.has(experimentKey);
    this.changed.set(experimentKey, traceparent);
    this.spans.note(experimentKey, traceparent);
    if (isNew) this.schedule();
  }

  /** Keeps nothing of an experiment any more. False where something of it is still to be said, or being said. */
  forget(experimentKey: string): boolean {
    if (this.running || this.changed.has(experimentKey) || this.unsaid.has(experimentKey)) return false;
    for (const kept of [this.totals, this.known, this.said, this.failedUntilMs]) kept.delete(experimentKey);
    return true;
  }

  /** Stops; publishes what is left if wanted. */
  async close(publishRest: boolean): Promise<void> {
    this.isClosed = true;
    clearInterval(this.silenceCheck);
    if (this.timer) clearTimeout(this.timer.handle);
    await this.running;
    if (publishRest) await this.publish(this.waiting().flatMap((key) => this.tryToAnalyse(key)));
  }

  private schedule(): void {
    if (this.isClosed || this.running) return;
    const waiting = this.waiting();
    if (waiting.length === 0) return;
    const atMs = Math.min(...waiting.map((key) => this.dueAtMs(key)));
    if (this.timer && this.timer.atMs <= atMs) return;
    if (this.timer) clearTimeout(this.timer.handle);
    const handle = setTimeout(() => this.run(), Math.max(0, atMs - performance.now()));
    this.timer = { handle, atMs };
  }

  private run(): void {
    this.timer = null;
    this.running = this.publish(this.analyseDue()).finally(() => {
      this.running = null;
      this.schedule();
    });
  }

  private waiting(): readonly string[] {
    return [...new Set([...this.changed.keys(), ...this.unsaid.keys()])];
  }

  private dueAtMs(key: string): number {
    const atMs = this.changed.has(key) ? this.known.get(key)?.againAtMs : this.sayAgainAtMs(key);
    return Math.max(this.restUntilMs, atMs ?? 0, this.failedUntilMs.get(key) ?? 0);
  }

  private sayAgainAtMs(key: string): number {
    return (this.said.get(key)?.atMs ?? -Infinity) + SAY_EVERY_MS;
  }

  /** Analyses what has waited longest, for a slice of time. @returns what is to be said at once; the rest waits for its second. */
  private analyseDue(): readonly Analysed[] {
    const startedAtMs = performance.now();
    const due = this.waiting()
      .map((key) => ({ key, atMs: this.dueAtMs(key), analysedAtMs: this.known.get(key)?.atMs ?? 0 }))
      // A timer may ring a fraction of a millisecond early.
      .filter(({ atMs }) => atMs <= startedAtMs + 1)
      .sort((a, b) => a.analysedAtMs - b.analysedAtMs);
    const analysed: Analysed[] = [];
    for (const { key } of due) {
      if (performance.now() - startedAtMs >= SLICE_MS) break;
      analysed.push(...this.tryToAnalyse(key));
    }
    const doneAtMs = performance.now();
    this.restUntilMs = 2 * doneAtMs - startedAtMs;
    return analysed.filter(({ key, findings }) => {
      const isNews = this.said.get(key)?.findings !== findings;
      return isNews || doneAtMs >= this.sayAgainAtMs(key) - 1;
    });
  }

  private async publish(analysed: readonly Analysed[]): Promise<void> {
    if (analysed.length === 0) return;
    try {
      if (!this.options.mayPublish())
        throw new Error('the database has not answered lately, another analyzer may have the lead');
      await this.send(analysed);
    } catch (error) {
      this.changeAgain(analysed);
      this.restUntilMs = performance.now() + RETRY_MS;
      this.options.onFailure(error);
    }
  }

  /** All at once; of those that the bus refuses each is tried again later by itself. */
  private async send(analysed: readonly Analysed[]): Promise<void> {
    const atMs = performance.now();
    for (const { key } of analysed) this.unsaid.delete(key);
    try {
      const events = analysed.map((one) => this.event(one));
      await this.publisher.publish(events);
      for (const [index, { key, findings, analysis, traceparent: parent }] of analysed.entries()) {
        this.said.set(key, { findings, atMs });
        this.spans.published(key, { parent, traceparent: events[index]!.traceparent, analysis });
        this.options.onPublished?.(analysis);
      }
    } catch (error) {
      if (!(error instanceof RecordRefusedError)) throw error;
      if (analysed.length > 1) for (const one of analysed) await this.send([one]);
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

  private know({ key, analysis, isSettled }: Analysed, atMs: number): void {
    const before = this.known.get(key);
    const hasMorePairs = pairsIn(analysis) > (before ? pairsIn(before.analysis) : 0);
    const pairsAtMs = hasMorePairs ? atMs : before?.pairsAtMs;
    const isInShadow = pairsAtMs !== undefined && atMs - pairsAtMs < SHADOW_LASTS_MS;
    const { everyMs } = this.options;
    const pauseMs = isSettled && !isInShadow ? Math.max(SETTLED_EVERY_MS, everyMs) : everyMs;
    this.known.set(key, { analysis, atMs, againAtMs: atMs + pauseMs, pairsAtMs });
  }

  /** Nothing where the analysis fails: it is tried again later, and the other experiments are analysed meanwhile. */
  private tryToAnalyse(key: string): Analysed[] {
    const traceparent = this.changed.get(key) ?? this.unsaid.get(key);
    const atMs = performance.now();
    try {
      const analysed = { key, traceparent, ...this.analyse(key) };
      this.know(analysed, atMs);
      this.failedUntilMs.delete(key);
      this.changed.delete(key);
      this.unsaid.set(key, traceparent);
      return [analysed];
    } catch (error) {
      this.failedUntilMs.set(key, performance.now() + FAILED_AGAIN_MS);
      this.changed.set(key, traceparent);
      this.options.onFailure(new Error(`${key}: ${(error as Error).message}`, { cause: error }));
      return [];
    }
  }

  private analyse(key: string): Pick<Analysed, 'analysis' | 'findings' | 'isSettled'> {
    const { design, parts } = this.options.source(key);
    const total = this.totals.get(key) ?? new MergedTotal();
    this.totals.set(key, total);
    const evidence = total.of(parts);
    const weights = underEpoch(evidence.traffic, evidence.newestEpoch)?.weightsPpm ?? {};
    const analysis = analyse(evidence, design, this.options.nowMs());
    return { analysis, findings: findingsOf(analysis), isSettled: Object.values(weights).includes(MILLION) };
  }

  private event({ analysis, traceparent }: Analysed): NewEvent<'experiment.analysed.v1'> {
    const analysisId = randomUUID();
    const timeMs = this.options.nowMs();
    return {
      type: topics.experimentAnalysed.name,
      id: analysisId,
      timeMs,
      subject: analysis.experiment,
      traceparent: this.spans.contextOf(traceparent),
      data: { ...analysis, analysisId, analysedAt: new Date(timeMs).toISOString() },
    };
  }

  /** Silence is a finding too: when nothing arrives, nothing else would say so. */
  private checkSilence(): void {
    const nowMs = performance.now();
    for (const [key, { analysis, atMs }] of this.known) {
      const { status } = analysis.health.staleness;
      const isLookedAt = this.changed.has(key) || nowMs - atMs < SILENCE_CHECK_MS;
      if (status !== 'no-traffic' && !isLookedAt && this.hasFallenSilent(key, status)) this.note(key);
    }
  }

  private hasFallenSilent(key: string, before: Analysis['health']['staleness']['status']): boolean {
    try {
      return this.analyse(key).analysis.health.staleness.status !== before;
    } catch {
      // What is noted is analysed once more, and told where that fails as well.
      return true;
    }
  }
}

/** A time in words, which is another one with every event. */
const A_TIME = /^\d{4}-\d\d-\d\dT/;

/**
 * What an analysis is about, and its verdicts, reasons, proofs and states: whatever else is no number and no time. What is decided by numbers alone
 * waits a second at most.
 */
function findingsOf(analysis: Analysis): string {
  const { epoch, stage, policy = 0 } = analysis;
  const said = JSON.stringify(analysis, (_name, value: unknown) =>
    typeof value === 'number' || (typeof value === 'string' && A_TIME.test(value)) ? 0 : value,
  );
  return `${epoch} ${stage} ${policy} ${said}`;
}

/** All that is known of pairs, whole and half. */
function pairsIn({ pairs = [] }: Analysis): number {
  return pairs.reduce((sum, { n, halves }) => sum + n + halves.control + halves.candidate, 0);
}
