import { idsIn, newTraceparent, nextSpanOf } from './trace-context.js';

/** What was done, when, and for which cause; times are milliseconds since 1970. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'consumer';
  /** Its own trace context, as {@link Tracer.child} gave it. */
  readonly traceparent: string;
  /** That of its cause; undefined: the trace began with it. */
  readonly parent: string | undefined;
  readonly tracestate?: string | undefined;
  /** Trace contexts of what it rests on as well. */
  readonly links?: readonly string[];
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean | null | undefined>>;
  /** What went wrong; undefined: nothing. */
  readonly failure?: string | undefined;
}

/** Spans of one app. */
export interface Tracer {
  /** Whether spans are kept at all. */
  readonly isOn: boolean;
  /** The trace context of a span that follows from `parent`, to be passed on; where spans are not kept, that of the parent itself. Without one a trace begins. */
  child(parent: string | undefined): string;
  /** Keeps a span, unless its trace is not sampled. */
  record(span: FinishedSpan): void;
}

/** Trace contexts are passed on as they came. */
export const noTracer: Tracer = {
  isOn: false,
  child: (parent) => parent ?? newTraceparent(),
  record: () => undefined,
};

export interface SpanSink {
  /** Of new traces so many are sampled, 0 to 1. */
  readonly share: number;
  add(app: string, span: FinishedSpan): void;
}

export function tracerOf(app: string, sink: SpanSink): Tracer {
  return {
    isOn: true,
    child: (parent) => (parent === undefined ? newTraceparent(Math.random() < sink.share) : nextSpanOf(parent)),
    record: (span) => {
      if (idsIn(span.traceparent).isSampled) sink.add(app, span);
    },
  };
}
