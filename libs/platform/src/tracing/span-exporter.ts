import { hostname } from 'node:os';
import type { LoggerService } from '@nestjs/common';
import { answerSignal } from '../answer-limit.js';
import { otlpRequest } from './otlp-spans.js';
import type { FinishedSpan, SpanSink } from './tracer.js';

export interface SpanExporterOptions {
  /** Where a collector takes traces, such as `http://collector:4318/v1/traces`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of the traces that begin here so many are sampled, 0 to 1. */
  readonly share: number;
  readonly logger: Pick<LoggerService, 'warn'>;
}

const EXPORT_EVERY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 10_000;
/** So many are sent at once, and kept while the collector is away: traces are for looking into things, and must cost nobody memory. */
const MOST_AT_ONCE = 512;
const MOST_KEPT = 4_096;
const TELL_EVERY_MS = 30_000;

/** Sends spans to a collector (OTLP over HTTP, in JSON). Nothing waits for it: while it is away spans are kept for a while, and then dropped. */
export class SpanExporter implements SpanSink {
  readonly share: number;
  private waiting: { readonly app: string; readonly span: FinishedSpan }[] = [];
  private dropped = 0;
  private toldAtMs = -Infinity;
  private sending: Promise<void> | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly options: SpanExporterOptions) {
    this.share = options.share;
    this.timer = setInterval(() => void this.flush(), EXPORT_EVERY_MS);
    this.timer.unref();
  }

  add(app: string, span: FinishedSpan): void {
    if (this.waiting.length >= MOST_KEPT) this.dropped += 1;
    else this.waiting.push({ app, span });
    if (this.waiting.length === MOST_AT_ONCE) void this.flush();
  }

  /** Sends what is left, once. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.sending;
    await this.flush();
  }

  private flush(): Promise<void> {
    this.sending ??= this.sendWhatWaits().finally(() => (this.sending = undefined));
    return this.sending;
  }

  private async sendWhatWaits(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, MOST_AT_ONCE);
      try {
        await this.send(batch);
      } catch (error) {
        return this.tell(error);
      }
      this.waiting = this.waiting.slice(batch.length);
    }
  }

  private async send(batch: typeof this.waiting): Promise<void> {
    const { url, headers } = this.options;
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(otlpRequest(groupedByApp(batch), `${hostname()}:${process.pid}`)),
      // Spans and the collector's secret go to the configured address alone; a redirected POST may come as a GET that takes nothing and answers 200.
      redirect: 'manual',
      signal: answerSignal(EXPORT_TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (response.ok) return;
    // What a collector does not understand it will not understand later either.
    const refusal = new Error(`it answered ${response.status}`);
    if (response.status >= 500 || response.status === 429) throw refusal;
    this.dropped += batch.length;
    this.tell(refusal);
  }

  private tell(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.toldAtMs < TELL_EVERY_MS) return;
    this.toldAtMs = nowMs;
    const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : '';
    this.options.logger.warn(
      `traces can't be sent to ${this.options.url}: ${reason}; ${this.waiting.length} spans wait, ${this.dropped} were dropped`,
    );
  }
}

function groupedByApp(
  batch: readonly { readonly app: string; readonly span: FinishedSpan }[],
): ReadonlyMap<string, readonly FinishedSpan[]> {
  const byApp = new Map<string, FinishedSpan[]>();
  for (const { app, span } of batch) {
    const spans = byApp.get(app) ?? [];
    spans.push(span);
    byApp.set(app, spans);
  }
  return byApp;
}
