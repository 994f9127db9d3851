import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { EventSource } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  ASSIGNMENT_HEADER,
  decodeAssignment,
  decodeEvent,
  encodeEvent,
  NOT_ASKED,
  UNIT_HEADER,
  type AudienceRule,
  type TeststripEvent,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { runningCanary } from '#libs/testing/traffic';
import { routerApp, type RouterOptions } from '../index.js';

let closing: (() => unknown)[] = [];
let bus: EventBus;
let epoch = 0;
let clockMs = 0;

beforeEach(async () => {
  closing = [];
  clockMs = 0;
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  await bus.close();
});

/** The answers of OFREP 0.3.0, as its OpenAPI document says them; nothing else may be in them. */
const metadata = z.record(z.string(), z.union([z.boolean(), z.string(), z.number()]));
const success = z.strictObject({
  key: z.string(),
  value: z.union([z.boolean(), z.string(), z.number(), z.record(z.string(), z.unknown())]).optional(),
  reason: z.enum(['STATIC', 'TARGETING_MATCH', 'SPLIT', 'DISABLED', 'UNKNOWN']),
  variant: z.string().optional(),
  metadata: metadata.optional(),
});
const failure = z.strictObject({
  key: z.string(),
  errorCode: z.enum(['PARSE_ERROR', 'TARGETING_KEY_MISSING', 'INVALID_CONTEXT', 'GENERAL']),
  errorDetails: z.string().optional(),
});
const notFound = failure.extend({ errorCode: z.literal('FLAG_NOT_FOUND') });
const eventStream = z.strictObject({
  type: z.string(),
  endpoint: z.strictObject({ origin: z.url().optional(), requestUri: z.string().regex(/^\//) }),
  inactivityDelaySec: z.int().min(1).optional(),
});
const bulk = z.strictObject({
  flags: z.array(z.union([success, failure])),
  metadata: metadata.optional(),
  eventStreams: z.array(eventStream).optional(),
});
const bulkFailure = z.strictObject({ errorCode: z.string(), errorDetails: z.string().optional() });

describe('a flag', () => {
  it('is a service: its value is the variant that the unit’s requests get, with all that is known of the draw', async () => {
    const server = createServer((request, response) => request.resume().on('end', () => response.end('x')));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    closing.push(() => server.close());
    await running({ candidatePpm: 500_000, upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
    const router = await start();
    const variants = new Set<string>();
    for (const unit of ['anna', 'ben', 'carl', 'dora', 'emil', 'frida']) {
      const { status, body } = await evaluate(router, 'text-to-image', { targetingKey: unit });
      expect(status).toBe(200);
      const flag = success.parse(body);
      const request = new URL('/v1/services/text-to-image/x', router);
      const proxied = await fetch(request, { method: 'POST', headers: { [UNIT_HEADER]: unit }, body: '{}' });
      const assignment = decodeAssignment(String(proxied.headers.get(ASSIGNMENT_HEADER)));
      expect(flag).toMatchObject({ key: 'text-to-image', reason: 'SPLIT', variant: assignment.variant });
      expect(flag.value).toBe(assignment.variant);
      expect(flag.metadata).toMatchObject({ experiment: `experiment-${epoch}`, epoch, propensity: 0.5 });
      const { assignedAt: _then, ...drawn } = assignment;
      expect(decodeAssignment(String(flag.metadata?.['assignment']))).toMatchObject(drawn);
      variants.add(assignment.variant);
    }
    expect(variants.size).toBe(2);
  });

  it.each([
    [0, 'control'],
    [1_000_000, 'candidate'],
  ])(
    'is no split where one variant has everything, as after a rollback: %d ppm of the candidate',
    async (candidatePpm, value) => {
      await running({ candidatePpm });
      const { body } = await evaluate(await start(), 'text-to-image', ANNA);
      expect(body).toMatchObject({ value, reason: 'STATIC', metadata: { assignmentReason: 'SPLIT', propensity: 1 } });
    },
  );

  it('is refused before its client has sent a body that is too long', async () => {
    await running({ candidatePpm: 0 });
    const { port } = await start();
    const socket = connect(Number(port), '127.0.0.1');
    closing.push(() => socket.destroy());
    socket.write(
      'POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n',
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('has the context’s attributes for the audience: text, numbers and truth values, no lists', async () => {
    const audience = [
      { attribute: 'age', atLeast: 18 },
      { attribute: 'beta', in: ['true'] },
    ];
    await running({ candidatePpm: 1_000_000, audience });
    const router = await start();
    const of = async (context: object): Promise<unknown> =>
      (await evaluate(router, 'text-to-image', { targetingKey: 'anna', ...context })).body;
    expect(await of({ age: 18, beta: true })).toMatchObject({
      value: 'candidate',
      metadata: { assignmentReason: 'SPLIT' },
    });
    expect(await of({ age: '20.5', beta: 'true' })).toMatchObject({ value: 'candidate' });
    for (const context of [{ age: 17, beta: true }, { age: [18], beta: true }, { age: {}, beta: null }, {}]) {
      expect(await of(context)).toMatchObject({
        value: 'control',
        reason: 'STATIC',
        metadata: { assignmentReason: 'DEFAULT' },
      });
    }
  });

  it('is control while the controller is lost, and off, which leaves the client’s default, where nothing is ordered or the glass is broken', async () => {
    await running({ candidatePpm: 1_000_000 });
    const breakGlassToken = 'a-token-of-sixteen';
    const router = await start({ upstreams: { upscale: 'http://127.0.0.1:1' }, breakGlassToken });
    const valueOf = async (key: string) => success.parse((await evaluate(router, key, ANNA)).body);
    expect(await valueOf('upscale')).toMatchObject({ reason: 'DISABLED', metadata: { service: 'upscale' } });
    expect(await valueOf('upscale')).not.toHaveProperty('value');
    expect(await valueOf('text-to-image')).toMatchObject({ value: 'candidate' });
    clockMs += 60_000;
    expect(await valueOf('text-to-image')).toMatchObject({
      value: 'control',
      metadata: { assignmentReason: 'FAIL_SAFE' },
    });
    clockMs = 0;
    expect(await valueOf('text-to-image')).toMatchObject({ value: 'candidate' });
    await fetch(new URL('/v1/services/text-to-image/break-glass', adminUrl), {
      method: 'POST',
      headers: { authorization: `Bearer ${breakGlassToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ actor: 'anna', reason: 'test' }),
    });
    expect(await valueOf('text-to-image')).toMatchObject({ reason: 'DISABLED' });
  });

  it('is neither off nor unknown while the router knows of no state: whoever asks keeps what they have, and asks again', async () => {
    await running({ candidatePpm: 500_000 });
    const away = { ...bus, readAll: () => Promise.reject(new Error('bus away')) };
    const router = await start({}, away);
    for (const path of ['flags/text-to-image', 'flags']) {
      const body = '{"context":{"targetingKey":"ana"}}';
      const answer = await fetch(new URL(`/ofrep/v1/evaluate/${path}`, router), { method: 'POST', body });
      expect([answer.status, answer.headers.get('retry-after')], path).toEqual([503, '1']);
      expect(await answer.text()).toMatch(/"errorDetails":".+"/);
    }
  });

  it('may be chosen by who has the token for it alone', async () => {
    await running({ candidatePpm: 0 });
    const router = await start({ overrideToken: 'a-token-of-sixteen' });
    const chosen = async (token: string): Promise<unknown> => {
      const headers = { 'teststrip-override': 'candidate', 'teststrip-override-token': token };
      return (await evaluate(router, 'text-to-image', ANNA, headers)).body;
    };
    expect(await chosen('a-token-of-sixteen')).toMatchObject({ value: 'candidate', reason: 'STATIC' });
    expect(await chosen('another')).toMatchObject({ value: 'control' });
  });

  it('is counted, and tells no exposure: what a service answers is told when the request is passed on', async () => {
    await running({ candidatePpm: 0 });
    const router = await start();
    await evaluate(router, 'text-to-image', ANNA);
    await evaluateAll(router, ANNA);
    await expect
      .poll(async () => (await fetch(new URL('/metrics', adminUrl))).text())
      .toContain(
        'teststrip_router_flag_evaluations_total{service="text-to-image",variant="control",reason="STATIC"} 1',
      );
    expect(await bus.readAll('request.routed.v1')).toEqual([]);
  });
});

describe('what can’t be evaluated', () => {
  it.each([
    ['no JSON', '{', 'PARSE_ERROR'],
    ['nothing', '', 'PARSE_ERROR'],
    ['what is too long', JSON.stringify({ context: { targetingKey: 'a', x: 'x'.repeat(70_000) } }), 'PARSE_ERROR'],
    ['no context', '{}', 'INVALID_CONTEXT'],
    ['a list', '[]', 'INVALID_CONTEXT'],
    ['null', 'null', 'INVALID_CONTEXT'],
    ['a context that is a list', '{"context":[]}', 'INVALID_CONTEXT'],
    ['a number as key', '{"context":{"targetingKey":7}}', 'INVALID_CONTEXT'],
    ['half a surrogate pair', '{"context":{"targetingKey":"a\\ud800"}}', 'INVALID_CONTEXT'],
    ['a NUL', '{"context":{"targetingKey":"a\\u0000"}}', 'INVALID_CONTEXT'],
    ['no targeting key', '{"context":{"plan":"pro"}}', 'TARGETING_KEY_MISSING'],
    ['an empty one', '{"context":{"targetingKey":""}}', 'TARGETING_KEY_MISSING'],
    ['the name of nobody', '{"context":{"targetingKey":"undefined"}}', 'TARGETING_KEY_MISSING'],
  ])('is refused in the protocol’s words: %s', async (_what, body, errorCode) => {
    const router = await start({ upstreams: { upscale: 'http://127.0.0.1:1' } });
    const one = await post(router, '/ofrep/v1/evaluate/flags/upscale', body);
    expect(one).toMatchObject({ status: 400, body: { key: 'upscale', errorCode } });
    failure.parse(one.body);
    const all = await post(router, '/ofrep/v1/evaluate/flags', body);
    expect(all).toMatchObject({ status: 400, body: { errorCode } });
    bulkFailure.parse(all.body);
  });

  it('is refused whatever its name is made of, without an error of the router’s own', async () => {
    const router = await start();
    const names = ['upscale', 'a%2Fb', '%00', '%ff', '%', '__proto__', 'constructor', 'a/b', '%F0%9F%90%88'];
    for (const name of names) {
      const answer = await post(router, `/ofrep/v1/evaluate/flags/${name}`, JSON.stringify({ context: ANNA }));
      expect(answer, name).toMatchObject({ status: 404, body: { errorCode: 'FLAG_NOT_FOUND' } });
      notFound.parse(answer.body);
    }
    expect((await post(router, '/ofrep/v1/nothing', '{}')).status).toBe(404);
    expect((await post(router, '/ofrep/v1/evaluate/flags/', '{}')).status).toBe(404);
    expect((await fetch(new URL('/ofrep/v1/evaluate/flags', router))).status).toBe(405);
    expect((await post(router, '/ofrep/v1/events', '{}')).status).toBe(405);
    const packed = await post(router, '/ofrep/v1/evaluate/flags', 'x', { 'content-encoding': 'gzip' });
    expect(packed).toMatchObject({ status: 400, body: { errorCode: 'PARSE_ERROR' } });
  });

  it('takes no more of a body than it may have, announced or not', async () => {
    const { port, hostname } = await start();
    const socket = connect(Number(port), hostname);
    closing.push(() => socket.destroy());
    socket.write('POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for (let piece = 0; piece < 5; piece += 1) socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`);
    await expect.poll(() => said).toContain('PARSE_ERROR');
    expect(said).toContain('HTTP/1.1 400');
  });

  it('may wait to be told to send its body', async () => {
    const { port, hostname } = await start({ upstreams: { upscale: 'http://127.0.0.1:1' } });
    const socket = connect(Number(port), hostname);
    closing.push(() => socket.destroy());
    const body = JSON.stringify({ context: ANNA });
    socket.write(
      `POST /ofrep/v1/evaluate/flags/upscale HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said).toContain('100 Continue');
    socket.write(body);
    await expect.poll(() => said).toContain('"reason":"DISABLED"');
  });
});

/** The answer to a request that is sent as these pieces, as far as it does not tell the time. */
async function toldInPieces({ port, hostname }: URL, pieces: readonly string[]): Promise<readonly string[]> {
  const socket = connect(Number(port), hostname).setNoDelay();
  closing.push(() => socket.destroy());
  let said = '';
  socket.on('data', (piece: Buffer) => (said += piece.toString()));
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await expect.poll(() => said).toMatch(/\}$|^HTTP\/1\.1 304 [^]*\r\n\r\n$/);
  const [head = '', body = ''] = said.replace(/assignedAt%22%3A%22[^"]*?%22/, 'assignedAt').split('\r\n\r\n');
  const fields = head.split('\r\n').filter((line) => !/^(?:date|content-length):/i.test(line));
  return [...fields.map((line) => line.toLowerCase()).sort(), body];
}

describe('flags that are asked for in one piece', () => {
  it('are answered as in several, without the streams that the server makes of each request', async () => {
    await running({ candidatePpm: 500_000 });
    const router = await start({ upstreams: { upscale: 'http://127.0.0.1:1' } });
    let served = 0;
    const count = (): void => void (served += 1);
    subscribe('http.server.request.start', count);
    closing.push(() => unsubscribe('http.server.request.start', count));
    const context = JSON.stringify({ context: { targetingKey: 'ünna', plan: 'pro' } });
    for (const [key, body] of [
      ['/text-to-image', context],
      ['/upscale', context],
      ['/nobody', context],
      ['/text-to-image', '{'],
      ['/text-to-image', ''],
      ['', context],
      ['', '{}'],
      [' HTTP/1.1\r\nIf-None-Match: *\r\nX:', context],
    ]) {
      const length = Buffer.byteLength(body!);
      const head = `POST ${EVALUATIONS}${key} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
      const before = served;
      const whole = await toldInPieces(router, [`${head}${body}`]);
      expect(served, `${key} ${body}`).toBe(before);
      expect(whole).toEqual(await toldInPieces(router, [head.slice(0, 20), `${head.slice(20)}${body}`]));
      expect(served).toBe(before + 1);
    }
  });
});

/** How many were told when no more have come for ten times as long as changes are told together. */
async function settled(told: readonly unknown[]): Promise<number> {
  for (let before = -1; before !== told.length;) {
    before = told.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return told.length;
}

describe('all flags at once', () => {
  it('have a tag that stays while nothing changes, and differs for who gets something else', async () => {
    await running({ candidatePpm: 500_000 });
    const router = await start({ upstreams: { upscale: 'http://127.0.0.1:1' } });
    const first = await evaluateAll(router, ANNA);
    const { flags, eventStreams } = bulk.parse(first.body);
    expect(flags.map(({ key }) => key).sort()).toEqual(['text-to-image', 'upscale']);
    expect(eventStreams).toHaveLength(1);
    const etag = String(first.headers.get('etag'));
    for (const kept of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await evaluateAll(router, ANNA, { 'if-none-match': kept });
      expect(again).toMatchObject({ status: 304, text: '' });
      expect(again.headers.get('etag')).toBe(etag);
    }
    expect((await evaluateAll(router, ANNA, { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await evaluateAll(router, { targetingKey: 'ben' }, { 'if-none-match': etag })).status).toBe(200);
    await running({ candidatePpm: 1_000_000 });
    await expect.poll(async () => (await evaluateAll(router, ANNA, { 'if-none-match': etag })).status).toBe(200);
  });

  it('may be asked for by a page of any origin', async () => {
    const router = await start();
    const preflight = await fetch(new URL('/ofrep/v1/evaluate/flags', router), { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    const { headers } = await evaluateAll(router, ANNA);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-expose-headers')).toBe('etag');
  });

  it('are told to be asked for again when an order comes, when the controller is lost, and after a gap', async () => {
    await running({ candidatePpm: 0 });
    const router = await start();
    const { eventStreams } = bulk.parse((await evaluateAll(router, ANNA)).body);
    const events = listen(new URL(String(eventStreams?.[0]?.endpoint.requestUri), router));
    await events.opened;
    // It may have changed since they were asked for.
    await expect.poll(() => events.told.length).toBeGreaterThan(0);
    const begun = await settled(events.told);
    await running({ candidatePpm: 1_000_000 });
    await expect.poll(() => events.told.length).toBeGreaterThan(begun);
    const ordered = await settled(events.told);
    const told = z
      .strictObject({ type: z.literal('refetchEvaluation'), etag: z.string(), lastModified: z.int() })
      .parse(JSON.parse(events.told.at(-1)?.data as string));
    expect(told.lastModified).toBeGreaterThan(1_700_000_000);
    const { body } = await post(
      router,
      `/ofrep/v1/evaluate/flags?flagConfigEtag=${told.etag}`,
      JSON.stringify({ context: ANNA }),
    );
    expect(bulk.parse(body).flags).toMatchObject([{ value: 'candidate' }]);
    clockMs += 60_000;
    await expect.poll(() => events.told.length).toBeGreaterThan(ordered);
    await settled(events.told);
    const firstWordsTo = async (lastEventId: unknown): Promise<string> => {
      const headers = { 'last-event-id': lastEventId as string };
      const reader = (await fetch(new URL('/ofrep/v1/events', router), { headers })).body?.getReader();
      const { value } = (await reader?.read()) ?? {};
      await reader?.cancel();
      return Buffer.from(value ?? []).toString();
    };
    // A stream that broke before anything changed has had the first event: what changed then is not missed.
    expect(await firstWordsTo(events.told[0]?.lastEventId)).toContain('refetchEvaluation');
    expect(await firstWordsTo(events.told.at(-1)?.lastEventId)).toBe(': connected\n\n');
  });
});

describe('one client', () => {
  it('has so many streams of changes, beside its requests', async () => {
    const router = await start({ clientRequests: 1, upstreams: { upscale: 'http://127.0.0.1:1' } });
    const events = new URL('/ofrep/v1/events', router);
    const ended = new AbortController();
    closing.push(() => ended.abort());
    expect((await fetch(events, { signal: ended.signal })).status).toBe(200);
    const refused = await fetch(events);
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([429, '*']);
    expect((await evaluateAll(router, ANNA, { 'x-in': 'one piece' })).status).toBe(200);
    expect((await fetch(new URL('/v1/flags', router))).status).toBe(200);
  });

  it('has so many requests for flags under way', async () => {
    const { port, hostname, href } = await start({ clientRequests: 1 });
    const socket = connect(Number(port), hostname);
    closing.push(() => socket.destroy());
    socket.write(`POST ${EVALUATIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n`);
    await expect.poll(async () => (await fetch(new URL('/v1/flags', href))).status).toBe(429);
    socket.destroy();
    await expect.poll(async () => (await fetch(new URL('/v1/flags', href))).status).toBe(200);
  });
});

it('does not let exposures drive out how requests ended, where the bus takes nothing', async () => {
  await running({ candidatePpm: 0 });
  const router = await start({ maxQueuedEvents: 4 });
  const tell = async (): Promise<number> =>
    (await fetch(new URL('/v1/flags/exposures', router), { method: 'POST', body: '{"exposures":[]}' })).status;
  expect(await tell()).toBe(200);
  bus.publish = () => new Promise(() => undefined);
  for (let time = 0; time < 2; time += 1) {
    const request = new URL('/v1/services/text-to-image/x', router);
    expect((await fetch(request, { method: 'POST', body: '{}' })).status).toBe(502);
  }
  expect(await tell()).toBe(503);
});

describe('clients of OpenFeature', () => {
  it('on servers evaluate a flag by the router', async () => {
    const { OpenFeature } = await client<ServerSdk>('@openfeature/server-sdk');
    const { OFREPProvider } = await client<ProviderModule>('@openfeature/ofrep-provider');
    await running({ candidatePpm: 1_000_000, audience: [{ attribute: 'plan', in: ['pro'] }] });
    const router = await start();
    await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: router.origin }));
    closing.push(() => OpenFeature.close());
    const flags = OpenFeature.getClient();
    const context = { targetingKey: 'anna', plan: 'pro' };
    expect(await flags.getStringValue('text-to-image', 'none', context)).toBe('candidate');
    const details = await flags.getStringDetails('text-to-image', 'none', context);
    expect(details).toMatchObject({ variant: 'candidate', reason: 'STATIC', flagMetadata: { epoch } });
    const free = await flags.getStringDetails('text-to-image', 'none', { targetingKey: 'anna', plan: 'free' });
    expect(free).toMatchObject({ value: 'control', reason: 'STATIC' });
    expect(await flags.getStringDetails('nothing', 'none', context)).toMatchObject({
      value: 'none',
      errorCode: 'FLAG_NOT_FOUND',
    });
    expect(await flags.getStringDetails('text-to-image', 'none', {})).toMatchObject({
      value: 'none',
      errorCode: 'TARGETING_KEY_MISSING',
    });
    expect(await flags.getBooleanDetails('text-to-image', false, context)).toMatchObject({
      value: false,
      errorCode: 'TYPE_MISMATCH',
    });
  });

  it('on pages keep all flags, and follow an order by the stream', async () => {
    const { OpenFeature } = await client<WebSdk>('@openfeature/web-sdk');
    const { OFREPWebProvider } = await client<WebProviderModule>('@openfeature/ofrep-web-provider');
    const before = Reflect.get(globalThis, 'EventSource') as unknown;
    Reflect.set(globalThis, 'EventSource', EventSource);
    closing.push(() => Reflect.set(globalThis, 'EventSource', before));
    await running({ candidatePpm: 0 });
    const router = await start();
    await OpenFeature.setContext({ targetingKey: 'anna' });
    await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl: router.origin, pollInterval: -1 }));
    closing.push(() => OpenFeature.close());
    const flags = OpenFeature.getClient();
    expect(flags.getStringValue('text-to-image', 'none')).toBe('control');
    await expect
      .poll(async () => (await fetch(new URL('/metrics', adminUrl))).text())
      .toContain('teststrip_router_flag_streams 1');
    await running({ candidatePpm: 1_000_000 });
    await expect.poll(() => flags.getStringValue('text-to-image', 'none')).toBe('candidate');
  });
});

const ANNA = { targetingKey: 'anna' };

/** Only what is used of it: the packages are for tests, and nothing of the product is compiled against them. */
interface ServerSdk {
  readonly OpenFeature: {
    setProviderAndWait(provider: unknown): Promise<void>;
    getClient(): {
      getStringValue(key: string, otherwise: string, context: object): Promise<string>;
      getStringDetails(key: string, otherwise: string, context: object): Promise<object>;
      getBooleanDetails(key: string, otherwise: boolean, context: object): Promise<object>;
    };
    close(): Promise<void>;
  };
}

interface ProviderModule {
  readonly OFREPProvider: new (options: { readonly baseUrl: string }) => unknown;
}

interface WebSdk {
  readonly OpenFeature: {
    setContext(context: object): Promise<void>;
    setProviderAndWait(provider: unknown): Promise<void>;
    getClient(): { getStringValue(key: string, otherwise: string): string };
    close(): Promise<void>;
  };
}

interface WebProviderModule {
  readonly OFREPWebProvider: new (options: { readonly baseUrl: string; readonly pollInterval: number }) => unknown;
}

function guided(guidance: number) {
  return { parameters: { guidance, styles: ['a', 'b'] } };
}

describe('a feature', () => {
  const variants = {
    control: { upstream: NOT_ASKED, config: guided(7.5) },
    candidate: { upstream: NOT_ASKED, config: guided(5) },
  };
  const order = { epoch: 1, baseline: { upstream: NOT_ASKED, fingerprint: 'a' } };

  it('is told by its parameters, and each telling is an exposure of the unit', async () => {
    await bus.publish(runningCanary(500_000, { spec: { variants }, order }).map(encodeEvent));
    const router = await start();
    const told = new Map<string, unknown>();
    for (const unit of ['anna', 'ben', 'carl', 'dora', 'emil', 'frida']) {
      const { body } = await evaluate(router, 'text-to-image', { targetingKey: unit });
      const flag = success.parse(body);
      expect(flag).toMatchObject({ reason: 'SPLIT', value: variants[flag.variant as 'control'].config.parameters });
      told.set(unit, flag.variant);
    }
    expect(new Set(told.values()).size).toBe(2);
    // Kept by a client, and perhaps never used.
    await evaluateAll(router, ANNA);
    await expect.poll(async () => (await bus.readAll('request.routed.v1')).length).toBe(told.size);
    const events = (await bus.readAll('request.routed.v1')).map(decodeEvent) as TeststripEvent<'request.routed.v1'>[];
    for (const { subject, data } of events) {
      expect(data).toMatchObject({ outcome: 'exposed', status: null, durationMs: null, upstream: NOT_ASKED });
      expect(data.assignment).toMatchObject({ unit: subject, variant: told.get(subject), propensity: 0.5 });
    }
  });

  it('has the parameters of its baseline where no experiment is in force, and no requests are sent anywhere', async () => {
    const baseline = { upstream: NOT_ASKED, config: guided(6), fingerprint: 'a' };
    const at = new Date().toISOString();
    const data = { service: 'text-to-image', baseline, epoch: 1, definedAt: at, definedBy: 'test' };
    const envelope = { specversion: '1.0', id: 'service', source: 'test', time: at, subject: 'text-to-image' } as const;
    await bus.publish([encodeEvent({ ...envelope, type: 'service.defined.v1', data })]);
    const router = await start();
    const { body } = await evaluate(router, 'text-to-image', ANNA);
    expect(success.parse(body)).toMatchObject({ reason: 'STATIC', value: { guidance: 6, styles: ['a', 'b'] } });
    const { status, body: problem } = await post(router, '/v1/services/text-to-image/generations', '{}');
    expect(status).toBe(404);
    expect(JSON.stringify(problem)).toContain('is a feature');
    expect(await bus.readAll('request.routed.v1')).toEqual([]);
  });
});

async function client<Module>(name: string): Promise<Module> {
  return (await import(/* @vite-ignore */ name)) as Module;
}

const EVALUATIONS = '/ofrep/v1/evaluate/flags';
/**
 * Its kinds of values exclude each other by its words, and do not by its letters: `codeDefaultFlag` asks for nothing, so that every flag with a value is one as well, and
 * an integer is a number too. One of them has to hold.
 */
function protocolText(): string {
  const text = readFileSync(fileURLToPath(new URL('test/ofrep-0.3.0.yaml', import.meta.url)), 'utf8');
  const kinds = /oneOf:(?=\s+- \$ref: ['"]#\/components\/schemas\/booleanFlag)/;
  expect(text).toMatch(kinds);
  return text.replace(kinds, 'anyOf:');
}

/** The protocol's own document, Apache-2.0, as github.com/open-feature/protocol has it (service/openapi.yaml). */
const PROTOCOL = parse(protocolText()) as {
  readonly paths: Readonly<Record<string, { readonly post: { readonly responses: Readonly<Record<string, object>> } }>>;
};
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(PROTOCOL, 'ofrep');
const validators = new Map<string, ValidateFunction>();

/** Whatever is answered to an evaluation is what the protocol's document says of that status. */
function expectAsDescribed(asked: string, status: number, text: string): void {
  const path =
    asked.startsWith(`${EVALUATIONS}/`) && asked.length > EVALUATIONS.length + 1 ? `${EVALUATIONS}/{key}` : EVALUATIONS;
  // An address that is neither of the two is none of the protocol's.
  if (status === 404 && path === EVALUATIONS) return;
  const described = PROTOCOL.paths[path]!.post.responses[status];
  expect(described, `${asked}: ${status}`).toBeDefined();
  if (!('content' in described!)) return expect(text).toBe('');
  const pointer = `/paths/${path.replaceAll('/', '~1')}/post/responses/${status}/content/application~1json/schema`;
  const $ref = `ofrep#${encodeURI(pointer)}`;
  const validate = validators.get($ref) ?? ajv.compile({ $ref });
  validators.set($ref, validate);
  validate(JSON.parse(text));
  expect(validate.errors, `${asked}: ${status} ${text}`).toBeNull();
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

async function post(router: URL, path: string, body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(new URL(path, router), { method: 'POST', headers, body });
  const text = await answer.text();
  if (path.startsWith(EVALUATIONS)) expectAsDescribed(path, answer.status, text);
  return { status: answer.status, headers: answer.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

async function evaluate(router: URL, key: string, context: object, headers = {}): Promise<Answer> {
  return post(router, `/ofrep/v1/evaluate/flags/${key}`, JSON.stringify({ context }), headers);
}

async function evaluateAll(router: URL, context: object, headers = {}): Promise<Answer> {
  return post(router, '/ofrep/v1/evaluate/flags', JSON.stringify({ context }), headers);
}

function listen(url: URL) {
  const source = new EventSource(url.href);
  closing.push(() => source.close());
  const told: MessageEvent[] = [];
  source.addEventListener('message', (event) => told.push(event as unknown as MessageEvent));
  const opened = new Promise<void>((resolve) => {
    source.addEventListener('open', () => resolve());
  });
  return { told, opened };
}

let adminUrl = '';

async function start(settings: Partial<RouterOptions> = {}, on: EventBus = bus): Promise<URL> {
  const { exposed, url, close } = await startApp(routerApp, {
    environment: { AUTH: 'off' },
    resources: { bus: on },
    settings: {
      port: 0,
      routerId: undefined,
      lastKnownGoodFile: undefined,
      drainMs: 300,
      monotonicMs: () => clockMs,
      ...settings,
    },
  });
  closing.push(() => close());
  adminUrl = url;
  return new URL(exposed.url);
}

/** An experiment of text-to-image that is in force. */
async function running(order: {
  readonly candidatePpm: number;
  readonly audience?: readonly AudienceRule[];
  readonly upstream?: string;
}): Promise<void> {
  epoch += 1;
  const { audience = [], candidatePpm, upstream = 'http://127.0.0.1:1/' } = order;
  const config = { checkpoint: 'c', sampler: 's', steps: 1, precision: 'fp16' };
  const variants = { control: { upstream, config }, candidate: { upstream, config } };
  const events = runningCanary(candidatePpm, {
    key: `experiment-${epoch}`,
    spec: { variants, audience: [...audience] },
    order: { epoch, baseline: { upstream, fingerprint: 'a' } },
  });
  await bus.publish(events.map(encodeEvent));
}
