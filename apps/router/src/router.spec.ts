import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bucketOf, hashUnit, salts } from '#libs/assignment';
import {
  ASSIGNMENT_HEADER,
  decodeAssignment,
  decodeEvent,
  encodeEvent,
  FEEDBACK_TOKEN_HEADER,
  REQUEST_ID_HEADER,
  UNIT_HEADER,
  type AllocationApplied,
  type AllocationCommanded,
  type DataOf,
  type ExperimentDefined,
  type TeststripEvent,
  type TopicName,
  type WeightsPpm,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type BusClient, type EventBus } from '#libs/messaging';
import { startApp, unitNames } from '#libs/platform';
import { definition } from '#libs/testing/traffic';
import { routerApp, type RouterOptions } from './index.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let closing: (() => Promise<unknown>)[] = [];
let bus: EventBus;
let clockMs = 0;
const dataDir = mkdtempSync(join(tmpdir(), 'teststrip-router-data-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

beforeEach(async () => {
  closing = [];
  clockMs = 0;
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 4);
  closing.push(() => bus.close());
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
});

describe('proxy', () => {
  it('tells upstream and client the assignment, and says on the bus how it ended', async () => {
    let seen: IncomingMessage | undefined;
    const candidate = await upstream((request, response) => {
      seen = request;
      request.resume();
      const headers = { 'content-type': 'image/png', 'x-model': 'int8', 'teststrip-instance': 'pod-7' };
      response.writeHead(201, headers).end('picture');
    });
    await define({ candidate, control: candidate });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();

    const answer = await ask(router, { unit: 'user-1', path: '/generations?size=64', headers: { traceparent: TRACE } });
    expect(answer).toMatchObject({ status: 201, body: 'picture' });
    expect(answer.headers['x-model']).toBe('int8');
    // Whose pod answered is nothing for clients.
    expect(answer.headers).not.toHaveProperty('teststrip-instance');
    const assignment = decodeAssignment(String(answer.headers[ASSIGNMENT_HEADER]));
    expect(assignment).toMatchObject({
      variant: 'candidate',
      unit: 'user-1',
      epoch: 1,
      propensity: 1,
      reason: 'SPLIT',
    });
    expect(seen?.url).toBe('/v1/services/text-to-image/generations?size=64');
    expect(decodeAssignment(String(seen?.headers[ASSIGNMENT_HEADER]))).toEqual(assignment);
    expect(seen?.headers[REQUEST_ID_HEADER]).toBe(answer.headers[REQUEST_ID_HEADER]);
    // Whoever asked may say what they think of it, and nobody else.
    expect(answer.headers[FEEDBACK_TOKEN_HEADER]).toMatch(/^[\w-]{22}$/);
    expect(seen?.headers[FEEDBACK_TOKEN_HEADER]).toBeUndefined();
    expect(seen?.headers['content-type']).toBe('application/json');

    const [event] = await routedEvents(1);
    expect(event).toMatchObject({
      subject: 'user-1',
      traceparent: TRACE,
      data: {
        service: 'text-to-image',
        assignment,
        upstream: candidate,
        outcome: 'delivered',
        status: 201,
        instance: 'pod-7',
      },
    });
    expect(event?.data.requestId).toBe(answer.headers[REQUEST_ID_HEADER]);
    expect(event?.data.durationMs).toBeGreaterThan(0);
  });

  it("tells a unit by its keyed name and draws it by its own, so that a key changes nobody's variant", async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    await order(1, { control: 500_000, candidate: 500_000 });
    const plain = await start();
    const keyed = await start({ environment: { UNIT_KEYS: 'a key of sixteen letters' } });
    for (const unit of Array.from({ length: 20 }, (_, index) => `user-${index}`)) {
      const own = await ask(plain, { unit });
      const told = await ask(keyed, { unit });
      expect(told.body).toBe(own.body);
      const { assignedAt: _, ...drawn } = decodeAssignment(String(own.headers[ASSIGNMENT_HEADER]));
      expect(decodeAssignment(String(told.headers[ASSIGNMENT_HEADER]))).toMatchObject({
        ...drawn,
        unit: unitNames(['a key of sixteen letters']).of(unit),
      });
    }
    const events = await routedEvents(40);
    const told = events.filter(({ subject }) => !subject.startsWith('user-'));
    expect(told).toHaveLength(20);
    expect(JSON.stringify(told)).not.toContain('user-');
    expect(told.every(({ subject, data }) => subject === data.assignment?.unit)).toBe(true);
  });

  it('begins a trace for a request without one, and tells the upstream and the event of the same', async () => {
    let seen: IncomingMessage | undefined;
    const candidate = await upstream((request, response) => {
      seen = request;
      request.resume();
      response.end('picture');
    });
    await define({ candidate, control: candidate });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();
    await ask(router, { headers: { traceparent: 'not a trace' } });
    const [event] = await routedEvents(1);
    expect(event?.data).not.toHaveProperty('instance');
    expect(event?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(seen?.headers['traceparent']).toBe(event?.traceparent);
    expect(event?.source).toMatch(/^\/teststrip\/router\/[^/]+$/);
  });

  it('streams the answer: the first byte is here before the last one is sent', async () => {
    const endings: (() => void)[] = [];
    const control = await upstream((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'image/png' });
      response.write('first');
      endings.push(() => void response.end('last'));
    });
    const router = await start({ upstreams: { 'text-to-image': control } });
    const response = await open(router, {});
    const first = await new Promise<string>((resolve) => {
      response.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    expect(first).toBe('first');
    endings.pop()?.();
    expect(await bodyOf(response)).toBe('last');
  });

  it('streams the request: the upstream reads its first byte before the client sends the last', async () => {
    const firstByte = defer();
    const control = await upstream((request, response) => {
      request.once('data', firstByte.resolve);
      void bodyOf(request).then((body) => response.end(String(body.length)));
    });
    const router = await start({ upstreams: { 'text-to-image': control } });
    const client = httpRequest(new URL('/v1/services/text-to-image/edits', router.url), { method: 'POST' });
    const answered = new Promise<IncomingMessage>((resolve) => client.once('response', resolve));
    client.write('x'.repeat(1_000));
    await firstByte.promise;
    client.end('y'.repeat(200_000));
    expect(Number(await bodyOf(await answered))).toBe(201_000);
  });

  it('says of every answer what it was, a 2xx without a picture too', async () => {
    const control = await upstream((request, response) => {
      request.resume();
      const { searchParams } = new URL(String(request.url), 'http://x');
      response.writeHead(Number(searchParams.get('status')), { 'content-type': 'application/json' });
      response.end(searchParams.get('body') ?? '{"images":["x"]}');
    });
    const router = await start({ upstreams: { 'text-to-image': control } });
    for (const status of [200, 422, 429, 500]) await ask(router, { path: `/generations?status=${status}` });
    await ask(router, { path: '/generations?status=200&body=' });
    await ask(router, { path: `/generations?status=200&body=${encodeURIComponent('{"error":"out of memory"}')}` });
    const events = await routedEvents(6);
    expect(events.map(({ data }) => [data.status, data.outcome])).toEqual([
      [200, 'delivered'],
      [422, 'caller-error'],
      [429, 'refused'],
      [500, 'server-error'],
      [200, 'failed-inside-2xx'],
      [200, 'failed-inside-2xx'],
    ]);
  });

  it('counts a dead upstream against its variant', async () => {
    const dead = await deadUrl();
    await define({ control: dead, candidate: dead });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();
    const answer = await ask(router, {});
    expect(answer.status).toBe(502);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const [event, atControl] = await routedEvents(2);
    expect(event?.data).toMatchObject({ outcome: 'server-error', status: null, durationMs: null });
    expect(event?.data.assignment?.variant).toBe('candidate');
    // The dead one has had nothing of the request, so control is asked; it is dead as well.
    expect(atControl?.data).toMatchObject({ outcome: 'server-error', assignment: { reason: 'FALLBACK' } });
  });

  it('gives up on a silent upstream: timed out, without a duration', async () => {
    const control = await upstream((request) => request.resume());
    const router = await start({ upstreams: { 'text-to-image': control }, limits: { timeoutMs: 50 } });
    const answer = await ask(router, {});
    expect(answer.status).toBe(504);
    const [event] = await routedEvents(1);
    expect(event?.data).toMatchObject({ outcome: 'timed-out', status: null, durationMs: null });
  });

  it('breaks the answer off when the upstream breaks off in the middle of it', async () => {
    const control = await upstream((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.socket?.destroy());
    });
    const router = await start({ upstreams: { 'text-to-image': control } });
    const response = await open(router, {});
    await expect(bodyOf(response)).rejects.toThrow();
    const [event] = await routedEvents(1);
    expect(event?.data).toMatchObject({ outcome: 'server-error', status: 200, durationMs: null });
  });

  it('tells the upstream when the client goes away, and counts it against nobody', async () => {
    const closed = defer();
    const control = await upstream((request, response) => {
      request.resume();
      response.on('close', closed.resolve);
      response.writeHead(200);
      response.write('begin');
    });
    const router = await start({ upstreams: { 'text-to-image': control } });
    const response = await open(router, {});
    response.destroy();
    await closed.promise;
    const [event] = await routedEvents(1);
    expect(event?.data).toMatchObject({ outcome: 'cancelled', status: 200, durationMs: null });
    expect(event?.data.waitedMs).toBeGreaterThan(0);
  });

  it('asks control after a failed candidate where the request may be repeated, and counts both', async () => {
    const bodies: string[] = [];
    const control = await upstream((request, response) => {
      void bodyOf(request).then((body) => {
        bodies.push(body);
        response.end('from control');
      });
    });
    const candidate = await upstream((request) => request.socket.destroy());
    await define({ control, candidate });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();
    expect((await ask(router, {})).status).toBe(502);
    const answer = await ask(router, { headers: { 'idempotency-key': 'k-1' } });
    expect(answer).toMatchObject({ status: 200, body: 'from control' });
    expect(decodeAssignment(String(answer.headers[ASSIGNMENT_HEADER]))).toMatchObject({
      variant: 'control',
      reason: 'FALLBACK',
      weightsPpm: { control: 1_000_000 },
    });
    expect(bodies).toEqual(['{"prompt":"a small red circle"}']);
    const events = await routedEvents(3);
    expect(events.map(({ data }) => [data.assignment?.variant, data.outcome])).toEqual(
      expect.arrayContaining([
        ['candidate', 'server-error'],
        ['candidate', 'server-error'],
        ['control', 'delivered'],
      ]),
    );
  });

  it('passes the path behind the service to an upstream that has a path of its own', async () => {
    const control = await upstream((request, response) => {
      request.resume();
      response.end(request.url);
    });
    const router = await start({ upstreams: { 'text-to-image': `${control}sdxl/v2/` } });
    expect((await ask(router, { path: '/generations?x=1' })).body).toBe('/sdxl/v2/generations?x=1');
  });

  it('lets only who knows the token choose the variant', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    await order(1, { control: 1_000_000, candidate: 0 });
    const router = await start({ overrideToken: 'a-token-of-sixteen' });
    const wish = { 'teststrip-override': 'candidate' };
    expect((await ask(router, { headers: wish })).body).toBe('control');
    expect((await ask(router, { headers: { ...wish, 'teststrip-override-token': 'wrong' } })).body).toBe('control');
    const obeyed = await ask(router, { headers: { ...wish, 'teststrip-override-token': 'a-token-of-sixteen' } });
    expect(obeyed.body).toBe('candidate');
    expect(decodeAssignment(String(obeyed.headers[ASSIGNMENT_HEADER])).reason).toBe('OVERRIDE');
  });

  it('gives control to who is not in the audience', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate }, { audience: [{ attribute: 'plan', in: ['pro'] }] });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();
    expect((await ask(router, { headers: { 'teststrip-attributes': 'plan=pro&country=de' } })).body).toBe('candidate');
    expect((await ask(router, { headers: { 'teststrip-attributes': 'plan=free' } })).body).toBe('control');
  });

  it('reads numbers of the audience, draws its share, and counts what is no number', async () => {
    const [control, candidate] = await named('control', 'candidate');
    const audience = [{ attribute: 'age', atLeast: 18 }, { percentPpm: 300_000 }];
    await define({ control, candidate }, { audience });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();
    const of = async (unit: string, age: string): Promise<string> =>
      (await ask(router, { unit, headers: { 'teststrip-attributes': `age=${age}` } })).body;
    const units = Array.from({ length: 40 }, (_, index) => `user-${index}`);
    const salt = salts.audience('cheaper-sampler');
    const [inside = '', ...more] = units.filter((unit) => bucketOf(hashUnit(salt, unit)) < 300_000);
    const outside = units.find((unit) => unit !== inside && !more.includes(unit)) as string;
    expect([await of(inside, '18'), await of(inside, '17'), await of(outside, '18')]).toEqual([
      'candidate',
      'control',
      'control',
    ]);
    expect(await of(inside, '')).toBe('control');
    expect(await of(inside, `1${'0'.repeat(6_000)}`)).toBe('control');
    await expect
      .poll(async () => await (await fetch(new URL('/metrics', router.adminUrl))).text())
      .toContain('teststrip_router_unreadable_attributes_total{service="text-to-image",attribute="age"} 2');
  });

  it('serves a service at its public route, as its baseline says it, beside its name', async () => {
    const echo = await upstream((request, response) => {
      request.resume();
      response.end(request.url);
    });
    await define({ control: echo, candidate: echo });
    const baseline = { upstream: echo, fingerprint: 'a', route: { path: '/v1/images' } };
    await order(1, { control: 0, candidate: 1_000_000 }, { baseline });
    const hosted = { service: 'upscale', host: 'upscale.example.com', path: '/' };
    const router = await start({ upstreams: { upscale: `${echo}esrgan` }, routes: [hosted] });
    const post = async (path: string, host?: string): Promise<string> => {
      const headers = { 'content-length': 2, [UNIT_HEADER]: 'user-1', ...(host === undefined ? {} : { host }) };
      const asked = httpRequest(new URL(router.url), { method: 'POST', path, headers });
      const answered = new Promise<IncomingMessage>((resolve) => asked.once('response', resolve));
      asked.end('{}');
      const answer = await answered;
      return `${answer.statusCode} ${await bodyOf(answer)}`;
    };
    expect(await post('/v1/images/generations?n=1')).toBe('200 /v1/images/generations?n=1');
    expect(await post(`${router.url}v1/images/edits`)).toBe('200 /v1/images/edits');
    expect(await post('/v1/services/text-to-image/x')).toBe('200 /v1/services/text-to-image/x');
    expect(await post('/2x?y=1', 'upscale.example.com')).toBe('200 /esrgan/2x?y=1');
    expect(await post('/v1/imagesque')).toMatch(/^404 .*a path below \/v1\/images \(text-to-image\)/);
    for (const path of ['/v1/images/../admin', '/v1/services/text-to-image/%2E%2e/admin', '/v1/images/.']) {
      expect(await post(path)).toMatch(/^400 /);
    }
    expect(JSON.parse((await getAllocations(router)).body)).toMatchObject({
      routes: [{ service: 'text-to-image', path: '/v1/images' }, hosted],
    });
    // The first of its experiments has another route; the newest order counts.
    await order(2, { control: 0, candidate: 1_000_000 }, { baseline: { ...baseline, route: { path: '/pictures' } } });
    await expect.poll(() => post('/pictures/1')).toBe('200 /pictures/1');
    expect(await post('/v1/images/1')).toMatch(/^404 /);
  });

  it('refuses what it cannot route, and says what it knows', async () => {
    const router = await start({ upstreams: { 'text-to-image': await deadUrl() } });
    const unknown = await ask(router, { service: 'upscale' });
    expect(unknown.status).toBe(404);
    expect(unknown.body).toContain('known services: text-to-image');
    expect((await get(router, '/v1/services/text-to-image/generations')).status).toBe(502);
    expect((await get(router, '/nothing')).status).toBe(404);
  });
});

/** Of another experiment on the service. */
const anew = (upstreams: Readonly<Record<'control' | 'candidate', string>>, revision = 1) =>
  define(upstreams, {}, revision, 'next');
const next = { experiment: 'next', commandId: 'next' };

describe('commands', () => {
  it('are obeyed by epoch and answered: a smaller or equal one is refused', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    const router = await start({ routerId: 'router-a' });
    await order(5, { control: 0, candidate: 1_000_000 });
    await expect.poll(() => variantServed(router)).toBe('candidate');
    await order(4, { control: 1_000_000, candidate: 0 }, { commandId: 'late' });
    await order(5, { control: 1_000_000, candidate: 0 }, { commandId: 'second-with-the-epoch' });
    const answers = await applied(3);
    expect(answers.map(({ commandId, outcome, reason, router: by }) => [commandId, outcome, reason, by])).toEqual([
      ['command-5', 'applied', null, 'router-a'],
      ['late', 'refused', 'stale-epoch', 'router-a'],
      ['second-with-the-epoch', 'refused', 'stale-epoch', 'router-a'],
    ]);
    expect(await variantServed(router)).toBe('candidate');
    const allocations = JSON.parse((await getAllocations(router)).body) as { services: unknown[] };
    expect(allocations.services).toMatchObject([
      { service: 'text-to-image', epoch: 5, weightsPpm: { candidate: 1_000_000 } },
    ]);
  });

  it('after a rollback not one of 1,000 requests is answered by the candidate, and nothing but a new revision leaves it', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    await order(1, { control: 500_000, candidate: 500_000 });
    const router = await start();
    const before = await Promise.all(Array.from({ length: 50 }, (_, unit) => ask(router, { unit: `user-${unit}` })));
    expect(new Set(before.map(({ body }) => body))).toEqual(new Set(['control', 'candidate']));

    await order(2, { control: 1_000_000, candidate: 0 }, { command: 'rollback', terminal: true });
    await order(3, { control: 0, candidate: 1_000_000 }, { command: 'promote', commandId: 'flapping' });
    await expect.poll(async () => (await applied(3)).at(-1)?.reason).toBe('latched');
    const served = new Set<string>();
    for (let hundred = 0; hundred < 10; hundred += 1) {
      const units = Array.from({ length: 100 }, (_, unit) => `user-${hundred * 100 + unit}`);
      for (const { body } of await Promise.all(units.map((unit) => ask(router, { unit })))) served.add(body);
    }
    expect([...served]).toEqual(['control']);

    await define({ control, candidate }, {}, 2);
    await order(4, { control: 0, candidate: 1_000_000 }, { revision: 2, command: 'start' });
    await expect.poll(() => variantServed(router)).toBe('candidate');
  });

  it('a command that comes before its definition waits for it, with control served', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    const router = await start();
    await order(1, { control: 0, candidate: 1_000_000 }, { revision: 2 });
    expect(await variantServed(router)).toBe('control');
    await define({ control, candidate }, {}, 2);
    await expect.poll(() => variantServed(router)).toBe('candidate');
    expect(await applied(1)).toMatchObject([{ revision: 2, outcome: 'applied' }]);
  });

  it('a rollback follows even the last command of a promotion', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    await order(1, { control: 0, candidate: 1_000_000 }, { command: 'promote', terminal: true });
    const router = await start();
    expect(await variantServed(router)).toBe('candidate');
    await order(2, { control: 1_000_000, candidate: 0 }, { command: 'rollback', terminal: true });
    await expect.poll(() => variantServed(router)).toBe('control');
  });

  describe('about one service from several experiments', () => {
    it('have one order: the largest epoch rules, and what comes late changes nothing', async () => {
      const [first, second, third] = await named('first', 'second', 'third');
      const baseline = { upstream: second, fingerprint: 'b' };
      const router = await start();
      await define({ control: first, candidate: second });
      await order(1, { control: 0, candidate: 1_000_000 }, { command: 'promote', terminal: true, baseline });
      await anew({ control: second, candidate: third });
      await order(3, { control: 0, candidate: 1_000_000 }, { ...next, baseline });
      await expect.poll(() => variantServed(router)).toBe('third');
      await order(2, { control: 1_000_000, candidate: 0 }, { command: 'rollback', terminal: true, baseline });
      await order(4, { control: 1_000_000, candidate: 0 }, { ...next, commandId: 'sentinel', baseline });
      await expect.poll(() => variantServed(router)).toBe('second');
      const answers = (await applied(3)).map(({ commandId, outcome }) => [commandId, outcome]);
      expect(answers).toEqual([
        ['command-1', 'applied'],
        ['next', 'applied'],
        ['sentinel', 'applied'],
      ]);
      // A router that starts reads them in whatever order, and serves the same.
      expect(await variantServed(await start())).toBe('second');
    });

    it('a draft rules nothing', async () => {
      const [first, second, unreviewed] = await named('first', 'second', 'unreviewed');
      const router = await start();
      await anew({ control: unreviewed, candidate: unreviewed });
      expect((await ask(router, {})).status).toBe(404);
      await define({ control: first, candidate: second });
      await order(1, { control: 0, candidate: 1_000_000 }, { command: 'promote', terminal: true });
      await expect.poll(() => variantServed(router)).toBe('second');
      await anew({ control: unreviewed, candidate: unreviewed }, 2);
      expect(await variantServed(router)).toBe('second');
      expect(await variantServed(await start())).toBe('second');
    });

    it('the baseline is served where it is newer than they are, and where a revision is not known', async () => {
      const [first, second, moved] = await named('first', 'second', 'moved');
      const router = await start();
      await define({ control: first, candidate: second });
      await order(1, { control: 0, candidate: 1_000_000 }, { baseline: { upstream: first, fingerprint: 'a' } });
      await expect.poll(() => variantServed(router)).toBe('second');
      await order(
        2,
        { control: 0, candidate: 1_000_000 },
        { revision: 7, baseline: { upstream: first, fingerprint: 'a' } },
      );
      await expect.poll(() => variantServed(router)).toBe('first');
      const config = { checkpoint: 'a', sampler: 'b', steps: 1, precision: 'fp16' };
      await publish('service.defined.v1', 'text-to-image', {
        service: 'text-to-image',
        baseline: { upstream: moved, config, fingerprint: 'c' },
        epoch: 3,
        definedAt: new Date().toISOString(),
        definedBy: 'ana',
      });
      await expect.poll(() => variantServed(router)).toBe('moved');
      expect(await variantServed(await start())).toBe('moved');
    });

    it('one that stands aside is kept and answered, and routes nothing', async () => {
      const [first, second] = await named('first', 'second');
      const router = await start();
      await define({ control: first, candidate: second });
      await order(1, { control: 0, candidate: 1_000_000 }, { baseline: { upstream: first, fingerprint: 'a' } });
      await anew({ control: second, candidate: first });
      await order(2, { control: 0, candidate: 1_000_000 }, { ...next, standsAside: true });
      expect(await applied(2)).toMatchObject([{}, { commandId: 'next', outcome: 'applied' }]);
      expect(await variantServed(router)).toBe('second');
    });
  });

  it('reach every router', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    const routers = [await start({ routerId: 'a' }), await start({ routerId: 'b' })];
    await order(1, { control: 0, candidate: 1_000_000 });
    for (const router of routers) await expect.poll(() => variantServed(router)).toBe('candidate');
    expect((await applied(2)).map(({ router }) => router).sort()).toEqual(['a', 'b']);
  });

  it.each(['before', 'after'] as const)(
    'malformed ones and malformed definitions, %s the start, go to the dead letters once and delay no other experiment',
    async (when) => {
      const [control, candidate] = await named('control', 'candidate');
      await define({ control, candidate });
      if (when === 'before') await publishPoison();
      const router = await start({ routerId: 'a' });
      await start({ routerId: 'b' });
      if (when === 'after') await publishPoison();
      const orderedAt = performance.now();
      await order(1, { control: 0, candidate: 1_000_000 });
      await expect.poll(() => variantServed(router)).toBe('candidate');
      expect(performance.now() - orderedAt).toBeLessThan(1_000);
      for (const topic of ['allocation.commanded.v1', 'experiment.defined.v1']) {
        await expect.poll(async () => (await bus.readAll(`${topic}.dead`)).length).toBeGreaterThan(0);
        const dead = await bus.readAll(`${topic}.dead`);
        expect(dead.map(({ value }) => value?.toString())).toContain('no JSON');
      }
      await start({ routerId: 'c' });
      if (when === 'before') expect(await bus.readAll('allocation.commanded.v1.dead')).toHaveLength(1);
    },
  );
});

const heard = async (): Promise<unknown> => (await eventsOf('router.heartbeat.v1')).at(-1)?.data;
const underWay = async (): Promise<unknown> =>
  ((await heard()) as DataOf<'router.heartbeat.v1'> | undefined)?.underWay?.map(({ variant, longerThan }) => [
    variant,
    longerThan[0],
  ]);

describe('a lost controller', () => {
  it('has given an order that did not come here: control is served until it comes, and the heartbeat says how far the router is', async () => {
    const [control, candidate] = await named('control', 'candidate');
    const baseline = { upstream: control, fingerprint: 'a' };
    await define({ control, candidate });
    await order(5, { control: 0, candidate: 1_000_000 }, { baseline });
    const router = await start({ monotonicMs: () => clockMs, routerId: 'router-a' });
    await expect.poll(() => variantServed(router)).toBe('candidate');
    await expect.poll(heard).toMatchObject({ router: 'router-a', services: { 'text-to-image': 5 }, leaving: false });
    const ahead = { controller: 'decision', at: new Date().toISOString(), running: ['cheaper-sampler'] };
    await publish('controller.heartbeat.v1', 'decision', { ...ahead, services: { 'text-to-image': 6 } });
    expect(await variantServed(router)).toBe('candidate');
    await expect
      .poll(() => {
        clockMs += 1_000;
        return variantServed(router);
      })
      .toBe('control');
    await order(6, { control: 0, candidate: 1_000_000 }, { baseline });
    await publish('controller.heartbeat.v1', 'decision', { ...ahead, services: { 'text-to-image': 6 } });
    await expect.poll(() => variantServed(router)).toBe('candidate');
    await router.close();
    await expect.poll(heard).toMatchObject({ leaving: true });
  });

  it('hears in the heartbeats how many requests have no answer yet, for how long, until they have', async () => {
    const held: ServerResponse[] = [];
    const candidate = await upstream((request, response) => {
      request.resume();
      held.push(response);
    });
    await define({ candidate, control: candidate });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start();
    const polled = fetch(new URL('/v1/services/text-to-image/jobs/1', router.url)).then((answer) => answer.text());
    const asked = [ask(router, { unit: 'a' }), ask(router, { unit: 'b' })];
    // What is polled makes no picture.
    await expect.poll(underWay, { timeout: 5_000 }).toEqual([['candidate', 2]]);
    for (const response of held) response.end('picture');
    await Promise.all([polled, ...asked]);
    await expect.poll(underWay, { timeout: 5_000 }).toEqual([]);
  });

  it('sends a canary to control until it is heard again', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start({ monotonicMs: () => clockMs });
    expect(await variantServed(router)).toBe('candidate');
    clockMs += 30_001;
    const answer = await ask(router, {});
    expect(answer.body).toBe('control');
    expect(decodeAssignment(String(answer.headers[ASSIGNMENT_HEADER])).reason).toBe('FAIL_SAFE');
    await publish('controller.heartbeat.v1', 'controller', {
      controller: 'controller',
      at: new Date().toISOString(),
      running: ['cheaper-sampler'],
    });
    await expect.poll(() => variantServed(router)).toBe('candidate');
  });

  it('changes nothing where the experiment wants to hold, or after a promotion', async () => {
    const [control, candidate] = await named('control', 'candidate');
    await define({ control, candidate }, { onLostController: 'hold' });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start({ monotonicMs: () => clockMs });
    clockMs += 1e9;
    expect(await variantServed(router)).toBe('candidate');
    await define({ control, candidate }, {}, 2);
    await order(2, { control: 0, candidate: 1_000_000 }, { revision: 2, command: 'promote', terminal: true });
    await expect.poll(async () => (await applied(2)).length).toBe(2);
    clockMs += 1e9;
    expect(await variantServed(router)).toBe('candidate');
  });
});

describe('the break-glass call', () => {
  const TOKEN = 'a token of sixteen or more';
  const call = async (
    router: RunningRouter,
    {
      method = 'POST',
      token = TOKEN,
      body = { actor: 'ana', reason: 'black pictures' } as unknown,
      service = 'text-to-image',
    },
  ): Promise<number> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const url = new URL(`/v1/services/${service}/break-glass`, router.adminUrl);
    const asked: RequestInit = { method, headers, body: JSON.stringify(body) };
    return (await fetch(url, asked)).status;
  };

  it('sends a service to its baseline without bus or database, also after a restart, until a newer order comes', async () => {
    const [first, second] = await named('first', 'second');
    const baseline = { upstream: first, fingerprint: 'a' };
    const file = join(mkdtempSync(join(tmpdir(), 'teststrip-router-')), 'router.json');
    await define({ control: first, candidate: second });
    await order(1, { control: 0, candidate: 1_000_000 }, { command: 'promote', terminal: true, baseline });
    const settings = { lastKnownGoodFile: file, breakGlassToken: TOKEN };
    const router = await start(settings);
    expect(await variantServed(router)).toBe('second');
    expect(await call(router, {})).toBe(200);
    expect(await variantServed(router)).toBe('first');
    expect((await getAllocations(router)).body).toContain('black pictures');
    await expect.poll(heard).toMatchObject({ brokenGlass: ['text-to-image'] });
    await expect.poll(() => readWhenThere(file)).toContain('black pictures');
    await router.close();
    const again = await start(settings);
    expect(await variantServed(again)).toBe('first');
    await order(2, { control: 0, candidate: 1_000_000 }, { revision: 2, command: 'start', baseline });
    await define({ control: first, candidate: second }, {}, 2);
    await expect.poll(() => variantServed(again)).toBe('second');
  });

  it('is not ended by the same order given again for another router', async () => {
    const [first, second] = await named('first', 'second');
    const baseline = { upstream: first, fingerprint: 'a' };
    await define({ control: first, candidate: second });
    await order(1, { control: 0, candidate: 1_000_000 }, { baseline });
    const router = await start({ breakGlassToken: TOKEN });
    await call(router, {});
    await order(2, { control: 0, candidate: 1_000_000 }, { baseline });
    await applied(2);
    expect(await variantServed(router)).toBe('first');
    await order(3, { control: 500_000, candidate: 500_000 }, { baseline });
    await applied(3);
    expect((await getAllocations(router)).body).toContain('"epoch":3');
  });

  it('is taken back by hand', async () => {
    const [first, second] = await named('first', 'second');
    await define({ control: first, candidate: second });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start({ breakGlassToken: TOKEN });
    expect(await call(router, { method: 'DELETE' })).toBe(409);
    await call(router, {});
    expect(await variantServed(router)).toBe('first');
    expect(await call(router, { method: 'DELETE' })).toBe(200);
    expect(await variantServed(router)).toBe('second');
  });

  it('is obeyed from nobody without the token, and says what is missing', async () => {
    const [first, second] = await named('first', 'second');
    await define({ control: first, candidate: second });
    await order(1, { control: 0, candidate: 1_000_000 });
    const router = await start({ breakGlassToken: TOKEN });
    expect(await call(router, { token: 'another token of that length' })).toBe(401);
    expect(await call(router, { service: 'nobody' })).toBe(404);
    expect(await call(router, { body: { actor: 'ana' } })).toBe(422);
    expect(await variantServed(router)).toBe('second');
    expect(await call(await start(), {}), 'a router without that token').toBe(401);
    const token = readFileSync(join(dataDir, 'operator-token'), 'utf8').trim();
    expect(await call(router, { token }), 'whose token has a name says no other').toBe(422);
    expect(await call(router, { token, body: { reason: 'black pictures' } })).toBe(200);
    expect((await getAllocations(router)).body).toContain('"actor":"operator"');
  });
});

describe('start and end', () => {
  it('is ready only when the state is loaded, and starts from the last-known-good file while the bus is away', async () => {
    const [control, candidate] = await named('control', 'candidate');
    const file = join(mkdtempSync(join(tmpdir(), 'teststrip-router-')), 'router.json');
    await define({ control, candidate });
    await order(1, { control: 0, candidate: 1_000_000 });
    const first = await start({ lastKnownGoodFile: file });
    expect((await get(first, '/health/ready')).status).toBe(200);
    expect((await get(first, '/v1/allocations')).status, "operators' facts on the users' port").toBe(404);
    await expect.poll(() => readWhenThere(file)).toContain('"epoch":1');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await first.close();

    const away = { ...bus, readAll: () => Promise.reject(new Error('bus away')) };
    const unready = await start({ bus: away });
    expect((await get(unready, '/health/ready')).status).toBe(503);
    expect((await get(unready, '/health/live')).status).toBe(200);
    expect((await ask(unready, {})).status).toBe(503);

    let isAway = true;
    const flaky: EventBus = {
      ...bus,
      readAll: (topic) => (isAway ? Promise.reject(new Error('bus away')) : bus.readAll(topic)),
    };
    const second = await start({ bus: flaky, lastKnownGoodFile: file });
    // What was saved may be old, and the candidate rolled back since.
    expect(await variantServed(second)).toBe('control');
    expect((await get(second, '/health/ready')).body).toContain('last-known-good');
    expect((await getAllocations(second)).body).toContain('"failSafe":true');
    await order(2, { control: 500_000, candidate: 500_000 });
    isAway = false;
    await expect.poll(async () => (await get(second, '/health/ready')).body).toContain('"log"');
    const units = Array.from({ length: 50 }, (_, unit) => ask(second, { unit: `user-${unit}` }));
    expect(new Set((await Promise.all(units)).map(({ body }) => body))).toEqual(new Set(['control', 'candidate']));
  });

  it('goes on with its last-known-good file where the log is there and empty, until it is commanded', async () => {
    const [control, candidate] = await named('control', 'candidate');
    const file = join(mkdtempSync(join(tmpdir(), 'teststrip-router-')), 'router.json');
    await define({ control, candidate });
    await order(1, { control: 0, candidate: 1_000_000 }, { command: 'promote', terminal: true });
    const first = await start({ lastKnownGoodFile: file });
    await expect.poll(() => readWhenThere(file)).toContain('"epoch":1');
    await first.close();
    const empty = await createEventBus({ carrier: 'memory' });
    await ensureTopics(empty, 4);
    closing.push(() => empty.close());
    const second = await start({ bus: empty, lastKnownGoodFile: file });
    expect(await variantServed(second)).toBe('candidate');
    expect(readWhenThere(file)).toContain('"promote"');
  });

  it('lets requests under way end, and publishes what is left', async () => {
    const endings: (() => void)[] = [];
    const control = await upstream((request, response) => {
      request.resume();
      response.writeHead(200);
      response.write('begin ');
      endings.push(() => void response.end('end'));
    });
    const router = await start({ upstreams: { 'text-to-image': control }, eventDelayMs: 60_000 });
    const response = await open(router, {});
    const closed = router.close();
    endings.pop()?.();
    expect(await bodyOf(response)).toBe('begin end');
    await closed;
    expect(await routedEvents(1)).toMatchObject([{ data: { outcome: 'delivered' } }]);
  });

  it('is not ready once what it follows the bus with hangs', async () => {
    const hangs = new Promise<void>(() => undefined);
    let isHanging = false;
    const hanging: BusClient = {
      publish: (records) => bus.publish(records),
      readAll: (topic) => bus.readAll(topic),
      subscribe: (options) =>
        bus.subscribe({ ...options, handler: (batch) => (isHanging ? hangs : options.handler(batch)) }),
    };
    const { url, close } = await startApp(routerApp, {
      resources: { bus: hanging },
      settings: { port: 0, routerId: undefined, lastKnownGoodFile: undefined },
      environment: { CONSUMER_STALLED_AFTER_MS: '200', AUTH: 'off' },
    });
    const statusOf = async (path: string): Promise<number> => (await fetch(new URL(path, url))).status;
    expect(await statusOf('/health/ready')).toBe(200);
    isHanging = true;
    const [control] = await named('control');
    await define({ control, candidate: control });
    await expect.poll(() => statusOf('/health/ready'), { timeout: 5_000 }).toBe(503);
    expect(await statusOf('/health/live')).toBe(503);
    void close().catch(() => undefined);
    closing = [];
  });

  it('makes every request of nobody a unit of its own, and counts them', async () => {
    const [control] = await named('control');
    await define({ candidate: control, control });
    await order(1, { control: 500_000, candidate: 500_000 });
    const router = await start();
    for (const unit of ['undefined', 'undefined', 'anna']) await ask(router, { unit });
    const events = await routedEvents(3);
    const units = events.map(({ data }) => data.assignment?.unit);
    expect(new Set(units).size).toBe(3);
    expect(units).toContain('anna');
    expect(units).not.toContain('undefined');
    await expect
      .poll(async () => await (await fetch(new URL('/metrics', router.adminUrl))).text())
      .toContain('teststrip_router_nameless_requests_total{service="text-to-image",name="meaningless"} 2');
  });

  it('has metrics in the Prometheus format', async () => {
    const [control] = await named('control');
    const router = await start({ upstreams: { 'text-to-image': control } });
    await ask(router, {});
    await expect
      .poll(async () => await (await fetch(new URL('/metrics', router.adminUrl))).text())
      .toContain('teststrip_router_requests_total{service="text-to-image",variant="",outcome="delivered"} 1');
  });
});

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

interface RunningRouter {
  /** Where users' requests go. */
  readonly url: string;
  readonly adminUrl: string;
  close(): Promise<void>;
}

async function start({
  bus: other,
  environment = {},
  ...settings
}: Partial<
  RouterOptions & { bus: BusClient; environment: Readonly<Record<string, string>> }
> = {}): Promise<RunningRouter> {
  const { url, exposed, close } = await startApp(routerApp, {
    resources: { bus: other ?? bus },
    environment: { DATA_DIR: dataDir, ...environment },
    settings: { port: 0, routerId: undefined, lastKnownGoodFile: undefined, ...settings },
  });
  closing.push(() => close());
  return { url: exposed.url, adminUrl: `${url}/`, close: () => close() };
}

async function upstream(handler: Handler): Promise<string> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Upstreams that answer with their name. */
async function named<Names extends string[]>(...names: Names): Promise<{ [Index in keyof Names]: string }> {
  const urls = names.map((name) =>
    upstream((request, response) => {
      request.resume();
      response.end(name);
    }),
  );
  return (await Promise.all(urls)) as { [Index in keyof Names]: string };
}

/** A command and a definition that nobody can read. */
async function publishPoison(): Promise<void> {
  const record = { key: 'poison', headers: {}, value: Buffer.from('no JSON') };
  await bus.publish(['allocation.commanded.v1', 'experiment.defined.v1'].map((topic) => ({ topic, ...record })));
}

async function deadUrl(): Promise<string> {
  const url = await upstream(() => {});
  await closing.pop()?.();
  return url;
}

async function publish<Name extends TopicName>(type: Name, subject: string, data: DataOf<Name>): Promise<void> {
  const event = {
    specversion: '1.0',
    id: `${type}-${Math.random()}`,
    source: 'test',
    type,
    time: new Date().toISOString(),
    subject,
    data,
  } as TeststripEvent;
  await bus.publish([encodeEvent(event)]);
}

async function define(
  upstreams: Readonly<Record<'control' | 'candidate', string>>,
  changes: Partial<ExperimentDefined['spec']> = {},
  revision = 1,
  experiment = 'cheaper-sampler',
): Promise<void> {
  const config = { checkpoint: 'scenes-1.0', sampler: 'unipc', steps: 12, precision: 'fp16' };
  const variants = {
    control: { upstream: upstreams.control, config },
    candidate: { upstream: upstreams.candidate, config },
  };
  const spec = { key: experiment, variants, ...changes };
  await publish('experiment.defined.v1', experiment, { ...definition(spec), experiment, revision });
}

async function order(epoch: number, weightsPpm: WeightsPpm, changes: Partial<AllocationCommanded> = {}): Promise<void> {
  await publish('allocation.commanded.v1', changes.experiment ?? 'cheaper-sampler', {
    commandId: `command-${epoch}`,
    experiment: 'cheaper-sampler',
    service: 'text-to-image',
    revision: 1,
    epoch,
    command: 'advance',
    stage: 0,
    weightsPpm,
    reason: 'operator',
    message: 'test',
    evidence: null,
    actor: 'test',
    commandedAt: new Date().toISOString(),
    terminal: false,
    ...changes,
  });
}

interface Question {
  readonly service?: string;
  readonly path?: string;
  readonly unit?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function open(router: RunningRouter, question: Question): Promise<IncomingMessage> {
  const { service = 'text-to-image', path = '/generations', unit = 'user-0', headers = {} } = question;
  const body = '{"prompt":"a small red circle"}';
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(`/v1/services/${service}${path}`, router.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length, [UNIT_HEADER]: unit, ...headers },
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function ask(router: RunningRouter, question: Question): Promise<Answer> {
  const response = await open(router, question);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await bodyOf(response) };
}

async function variantServed(router: RunningRouter): Promise<string> {
  return (await ask(router, {})).body;
}

/** Operators' facts are on the admin port alone. */
async function getAllocations({ adminUrl }: RunningRouter): Promise<{ readonly body: string }> {
  return { body: await (await fetch(new URL('/v1/allocations', adminUrl))).text() };
}

async function get(router: RunningRouter, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(new URL(path, router.url));
  return { status: response.status, body: await response.text() };
}

async function bodyOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function eventsOf<Name extends TopicName>(topic: Name): Promise<readonly TeststripEvent<Name>[]> {
  return (await bus.readAll(topic)).map((record) => decodeEvent(record) as TeststripEvent<Name>);
}

/** Events in the order of their requests, once there are so many. */
async function routedEvents(count: number): Promise<readonly TeststripEvent<'request.routed.v1'>[]> {
  await expect.poll(async () => (await eventsOf('request.routed.v1')).length).toBe(count);
  const events = await eventsOf('request.routed.v1');
  return events.toSorted((left, right) => left.data.startedAt.localeCompare(right.data.startedAt));
}

async function applied(atLeast: number): Promise<readonly AllocationApplied[]> {
  await expect.poll(async () => (await eventsOf('allocation.applied.v1')).length).toBeGreaterThanOrEqual(atLeast);
  return (await eventsOf('allocation.applied.v1')).map(({ data }) => data);
}

function defer(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  const resolvers: (() => void)[] = [];
  const promise = new Promise<void>((resolve) => resolvers.push(resolve));
  return { promise, resolve: () => resolvers.forEach((resolve) => resolve()) };
}

function readWhenThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
