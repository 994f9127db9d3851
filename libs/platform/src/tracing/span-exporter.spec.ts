import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SpanExporter } from './span-exporter.js';
import { newTraceparent } from './trace-context.js';
import { noTracer, tracerOf } from './tracer.js';

/** A collector that answers with these statuses, one after another, and then with 200. */
async function aCollector(...statuses: number[]): Promise<{ readonly url: string; readonly got: any[] }> {
  const got: any[] = [];
  const server = createServer(async (request, response) => {
    const body = await json(request);
    const status = statuses.shift() ?? 200;
    if (status === 200) got.push({ headers: request.headers, body });
    response.writeHead(status).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, got };
}

function exporterTo(url: string): { readonly exporter: SpanExporter; readonly said: string[] } {
  const said: string[] = [];
  const headers = { authorization: 'Bearer x' };
  const exporter = new SpanExporter({ url, headers, share: 1, logger: { warn: (text: string) => said.push(text) } });
  return { exporter, said };
}

const PARENT = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const span = (traceparent: string, parent?: string) => ({
  name: 'decide rollback',
  kind: 'internal' as const,
  traceparent,
  parent,
  links: [`00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`],
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_000_010,
  attributes: { text: 'x', whole: 7, part: 0.5, yes: true, nothing: null },
  failure: 'stale-epoch',
});

describe('spans', () => {
  it('are sent as OTLP has them', async () => {
    const { url, got } = await aCollector();
    const { exporter } = exporterTo(url);
    const tracer = tracerOf('decision', exporter);
    const own = tracer.child(PARENT);
    tracer.record(span(own, PARENT));
    await exporter.close();
    expect(got[0].headers).toMatchObject({ authorization: 'Bearer x', 'content-type': 'application/json' });
    const [{ resource, scopeSpans }] = got[0].body.resourceSpans;
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'teststrip-decision' } });
    expect(scopeSpans[0].spans).toEqual([
      {
        traceId: 'a'.repeat(32),
        spanId: expect.stringMatching(/^(?!b{16})[0-9a-f]{16}$/),
        parentSpanId: 'b'.repeat(16),
        name: 'decide rollback',
        kind: 1,
        startTimeUnixNano: '1700000000000250000',
        endTimeUnixNano: '1700000000010000000',
        attributes: [
          { key: 'text', value: { stringValue: 'x' } },
          { key: 'whole', value: { intValue: '7' } },
          { key: 'part', value: { doubleValue: 0.5 } },
          { key: 'yes', value: { boolValue: true } },
        ],
        links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }],
        status: { code: 2, message: 'stale-epoch' },
      },
    ]);
  });

  it('wait for a collector that is away, and are dropped where it does not take them; both is said', async () => {
    const { url, got } = await aCollector(503, 400);
    const { exporter, said } = exporterTo(url);
    const tracer = tracerOf('router', exporter);
    tracer.record(span(tracer.child(undefined)));
    await exporter.close();
    expect(said).toEqual([expect.stringContaining('it answered 503; 1 spans wait, 0 were dropped')]);
    await exporter.close();
    tracer.record(span(tracer.child(undefined)));
    await exporter.close();
    expect(got).toHaveLength(1);
    expect(got[0].body.resourceSpans[0].scopeSpans[0].spans).toHaveLength(1);
  });

  it.each([302, 307])(
    'do not go where a collector sends them with %i, nor does its secret; it is said',
    async (status) => {
      const elsewhere: unknown[] = [];
      const other = createServer((request, response) => {
        elsewhere.push(request.method, request.headers['authorization']);
        request.resume();
        response.end('{}');
      });
      const collector = createServer((request, response) => {
        const { port } = other.address() as AddressInfo;
        request.resume();
        response.writeHead(status, { location: `http://127.0.0.1:${port}/latest/meta-data/` }).end();
      });
      for (const server of [other, collector]) {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        onTestFinished(() => void server.close());
      }
      const { exporter, said } = exporterTo(`http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`);
      const tracer = tracerOf('decision', exporter);
      tracer.record(span(tracer.child(PARENT), PARENT));
      await exporter.close();
      expect(elsewhere).toEqual([]);
      expect(said).toEqual([expect.stringContaining(`it answered ${status}; 1 spans wait, 1 were dropped`)]);
    },
  );

  it('are kept of sampled traces alone; contexts go on all the same', async () => {
    const { url, got } = await aCollector();
    const { exporter } = exporterTo(url);
    const tracer = tracerOf('router', exporter);
    const unsampled = newTraceparent(false);
    expect(tracer.child(unsampled)).toMatch(/-00$/);
    tracer.record(span(tracer.child(unsampled), unsampled));
    await exporter.close();
    expect(got).toEqual([]);
    expect(noTracer.child(PARENT)).toBe(PARENT);
    expect(noTracer.child(undefined)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
});
