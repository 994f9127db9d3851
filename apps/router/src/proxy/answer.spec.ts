import type { IncomingHttpHeaders } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Answer } from './answer.js';

function outcomeOf(status: number, headers: IncomingHttpHeaders = {}, ...chunks: readonly (string | Buffer)[]): string {
  const answer = new Answer(status, headers);
  for (const chunk of chunks) answer.take(Buffer.from(chunk));
  return answer.outcome();
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const json = (value: unknown, status = 200): string => outcomeOf(status, JSON_TYPE, JSON.stringify(value));

describe('what an answer was', () => {
  it('is told by its status', () => {
    const told = [200, 201, 301, 302, 307, 400, 401, 404, 409, 413, 422, 429, 451, 500, 502, 503, 504].map((status) => [
      status,
      outcomeOf(status, {}, 'x'),
    ]);
    expect(Object.fromEntries(told)).toEqual({
      200: 'delivered',
      201: 'delivered',
      301: 'server-error',
      302: 'server-error',
      307: 'server-error',
      400: 'caller-error',
      401: 'caller-error',
      404: 'caller-error',
      409: 'caller-error',
      413: 'caller-error',
      422: 'caller-error',
      429: 'refused',
      451: 'filtered',
      500: 'server-error',
      502: 'server-error',
      503: 'server-error',
      504: 'timed-out',
    });
    expect(outcomeOf(503, { 'retry-after': '2' }, 'x')).toBe('refused');
  });

  it('is no picture where a 2xx holds none', () => {
    expect(outcomeOf(200)).toBe('failed-inside-2xx');
    expect(outcomeOf(204)).toBe('failed-inside-2xx');
    expect(outcomeOf(200, { 'content-type': 'text/html; charset=utf-8' }, '<h1>Sign in</h1>')).toBe(
      'failed-inside-2xx',
    );
    expect(outcomeOf(200, { 'content-type': 'application/problem+json' }, '{"title":"x"}')).toBe('failed-inside-2xx');
    const none: readonly unknown[] = [
      {},
      [],
      null,
      { images: [] },
      { data: [], created: 1 },
      { error: 'out of memory' },
      { error: { message: 'CUDA', code: 'oom' } },
      { status: 'failed', output: null, error: 'oops' },
      { state: 'FAILURE' },
      { success: false },
      [{ error: 'oops' }],
    ];
    for (const body of none) expect([body, json(body)]).toEqual([body, 'failed-inside-2xx']);
  });

  it('is taken for a picture in doubt', () => {
    const some: readonly unknown[] = [
      { data: [{ b64_json: 'abc' }], error: 'a remark' },
      { images: ['abc'], errors: ['low memory'] },
      { picture: 'https://cdn.example/1.jpg', error: 'a remark' },
      { picture: 'data:image/png;base64,abc', status: 'error' },
      { prompt_id: '1', number: 4, node_errors: {} },
      { generationId: '1', prompt: 'a picture of an error' },
      { id: 'job', status: 'queued', error: null },
      'iVBORw0KGgo',
    ];
    for (const body of some) expect([body, json(body)]).toEqual([body, 'delivered']);
    expect(outcomeOf(200, {}, 'bytes')).toBe('delivered');
    expect(outcomeOf(200, { 'content-type': 'image/png' }, '{"error":"x"}')).toBe('delivered');
    expect(outcomeOf(200, JSON_TYPE, '{"error":')).toBe('delivered');
    expect(outcomeOf(202)).toBe('delivered');
    expect(outcomeOf(201, { location: '/pictures/1' })).toBe('delivered');
    const long = JSON.stringify({ error: 'x', note: 'y'.repeat(20_000) });
    expect(outcomeOf(200, JSON_TYPE, long.slice(0, 9_000), long.slice(9_000))).toBe('delivered');
  });

  it('is filtered where moderation says so', () => {
    expect(json({ error: { type: 'image_generation_user_error', code: 'moderation_blocked' } }, 400)).toBe('filtered');
    expect(json({ detail: [{ type: 'content_policy_violation', msg: 'no' }] }, 422)).toBe('filtered');
    expect(json({ detail: [{ type: 'missing', msg: 'prompt' }] }, 422)).toBe('caller-error');
    expect(json({ status: 'failed', error: 'NSFW content detected' })).toBe('filtered');
    expect(json({ artifacts: [{ finishReason: 'CONTENT_FILTERED', base64: '' }] })).toBe('filtered');
    expect(json({ images: [{ url: 'x' }], has_nsfw_concepts: [true] })).toBe('filtered');
    expect(json({ images: [{ url: 'x' }, { url: 'y' }], has_nsfw_concepts: [true, false] })).toBe('delivered');
    expect(outcomeOf(200, { 'content-type': 'image/png', 'finish-reason': 'CONTENT_FILTERED' }, 'x')).toBe('filtered');
  });

  it('is cached where a cache says so', () => {
    const hits: readonly IncomingHttpHeaders[] = [
      { age: '12' },
      { 'x-cache': 'Hit from cloudfront' },
      { 'cf-cache-status': 'HIT' },
      { 'cache-status': 'edge; hit' },
    ];
    for (const headers of hits) expect([headers, outcomeOf(200, headers, 'x')]).toEqual([headers, 'cached']);
    const misses: readonly IncomingHttpHeaders[] = [
      { age: '0' },
      { 'x-cache': 'Miss from cloudfront' },
      { 'cf-cache-status': 'DYNAMIC' },
      { 'cache-status': 'edge; fwd=miss' },
    ];
    for (const headers of misses) expect([headers, outcomeOf(200, headers, 'x')]).toEqual([headers, 'delivered']);
  });

  it('is read out of compressed JSON and of the end of a stream', () => {
    const body = Buffer.from('{"error":"oops"}');
    const read = (encoding: string, bytes: Buffer): string =>
      outcomeOf(200, { ...JSON_TYPE, 'content-encoding': encoding }, bytes);
    expect(read('gzip', gzipSync(body))).toBe('failed-inside-2xx');
    expect(read('br', brotliCompressSync(body))).toBe('failed-inside-2xx');
    expect(read('deflate', deflateSync(body))).toBe('failed-inside-2xx');
    expect(read('zstd', body)).toBe('delivered');
    expect(read('gzip', body)).toBe('delivered');
    const stream = { 'content-type': 'text/event-stream' };
    const part = `data: {"b64_json":"${'x'.repeat(20_000)}"}\n\n`;
    expect(outcomeOf(200, stream, part, 'data: {"error":{"message":"oops"}}\n\n', 'data: [DONE]\n\n')).toBe(
      'failed-inside-2xx',
    );
    expect(outcomeOf(200, stream, part, part)).toBe('delivered');
  });
});
