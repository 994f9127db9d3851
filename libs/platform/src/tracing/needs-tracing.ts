import { z } from 'zod';
import { defineNeed } from '../app/need.js';
import { documented, variables } from '../configuration/variables.js';
import { percentDecoded } from '../http/percent-decoded.js';
import { withoutTrailingSlashes } from '../http/without-trailing-slashes.js';
import { SpanExporter } from './span-exporter.js';
import { noTracer, tracerOf, type SpanSink, type Tracer } from './tracer.js';

/** Names of OpenTelemetry, so that what is set for other services counts here. */
const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: documented(
    variables.url.optional(),
    'Collector that traces are sent to by OTLP over HTTP, in JSON, at `/v1/traces` below this address: `http://collector:4318`.',
    { defaultIs: 'no traces are kept; trace contexts are passed on' },
  ),
  OTEL_EXPORTER_OTLP_HEADERS: documented(
    z
      .string()
      .regex(/^[^=,\s]+=[^,]*(,[^=,\s]+=[^,]*)*$/, 'expected name=value,name=value')
      .optional(),
    'Headers for it: `name=value,name=value`.',
    { defaultIs: 'none', secret: true },
  ),
  OTEL_TRACES_SAMPLER_ARG: documented(
    variables.number.min(0).max(1).default(1),
    'Share of the traces that begin here, 0 to 1. Of requests that bring a trace context the caller has decided.',
  ),
};

/** What a tracer of an app is made of. */
interface TracingResource extends Tracer {
  readonly sink?: SpanSink;
}

/** Spans of the app's work, for a collector of OpenTelemetry; nothing is kept where none is named. */
export const needsTracing = defineNeed({
  name: 'tracing',
  title: 'Traces',
  variables: tracingVariables,
  async open(settings, { logger }) {
    const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share } = settings;
    if (endpoint === undefined) return { resource: noTracer as TracingResource };
    const headers = headersIn(settings.OTEL_EXPORTER_OTLP_HEADERS);
    const exporter = new SpanExporter({ url: tracesUrl(endpoint), headers, share, logger });
    return { resource: { ...tracerOf('unnamed', exporter), sink: exporter }, close: () => exporter.close() };
  },
  lend: (resource: TracingResource, { name }): TracingResource =>
    resource.sink === undefined ? resource : tracerOf(name, resource.sink),
});

function tracesUrl(endpoint: string): string {
  return `${withoutTrailingSlashes(endpoint)}/v1/traces`;
}

/** Values are percent-encoded, as in W3C's baggage. */
function headersIn(text = ''): Readonly<Record<string, string>> {
  const pairs = text === '' ? [] : text.split(',').map((pair) => pair.split(/=(.*)/s));
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name.trim(), percentDecoded(value.trim())]));
}
