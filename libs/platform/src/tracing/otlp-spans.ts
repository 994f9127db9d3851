import { idsIn } from './trace-context.js';
import type { FinishedSpan } from './tracer.js';

/** Of the enumerations of OTLP. Source: opentelemetry-proto, trace/v1/trace.proto */
const KINDS = { internal: 1, server: 2, consumer: 5 } as const;
const STATUS_ERROR = 2;

/**
 * Spans as a collector takes them by HTTP: ExportTraceServiceRequest in the JSON encoding of OTLP.
 * @param byApp spans by the app that they are of
 * @param instance names the process
 */
export function otlpRequest(byApp: ReadonlyMap<string, readonly FinishedSpan[]>, instance: string): object {
  return {
    resourceSpans: [...byApp].map(([app, spans]) => ({
      resource: {
        attributes: attributesOf({
          'service.namespace': 'teststrip',
          'service.name': `teststrip-${app}`,
          'service.instance.id': instance,
        }),
      },
      scopeSpans: [{ scope: { name: 'teststrip' }, spans: spans.map(otlpSpan) }],
    })),
  };
}

function otlpSpan(span: FinishedSpan): object {
  const { traceId, spanId } = idsIn(span.traceparent);
  return {
    traceId,
    spanId,
    ...(span.parent === undefined ? {} : { parentSpanId: idsIn(span.parent).spanId }),
    ...(span.tracestate === undefined ? {} : { traceState: span.tracestate }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(Math.max(span.startMs, span.endMs)),
    attributes: attributesOf(span.attributes),
    links: (span.links ?? []).map((link) => ({ traceId: idsIn(link).traceId, spanId: idsIn(link).spanId })),
    ...(span.failure === undefined ? {} : { status: { code: STATUS_ERROR, message: span.failure } }),
  };
}

/** As text: 64 bits are more than a number of JSON holds. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n);
}

function attributesOf(attributes: FinishedSpan['attributes']): readonly object[] {
  return Object.entries(attributes).flatMap(([key, value]) => {
    if (value === null || value === undefined) return [];
    return [{ key, value: valueOf(value) }];
  });
}

function valueOf(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
