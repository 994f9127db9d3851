import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  decodeAssignment,
  decodeEvent,
  encodeEvent,
  isCopy,
  REQUEST_ID_HEADER,
  UNIT_HEADER,
  type AllocationCommanded,
  type DataOf,
  type RequestRouted,
  type TeststripEvent,
  type TopicName,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { assignmentSignatures } from '#libs/telemetry';
import { definition } from '#libs/testing/traffic';
import { Router } from '../router.js';
import type { RouterOptions } from '../router-options.js';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
  readonly body: string;
}

interface Service {
  readonly url: string;
  readonly seen: readonly Seen[];
}

type Answering = (response: ServerResponse) => void;

const SHADOW = { candidates: ['candidate'], ratePpm: 1_000_000, concurrency: 4 };
const LAMP = '{"prompt":"a lamp","seed":7}';

let closing: (() => Promise<unknown>)[] = [];
let bus: EventBus;
let registry: Registry;

beforeEach(async () => {
  closing = [];
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 4);
  closing.push(() => bus.close());
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
});

describe('shadow traffic', () => {
  it('sends a copy of control’s request to the candidate, and drops its answer', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    const router = await start({ control, candidate });
    const headers = { authorization: 'Bearer x', 'idempotency-key': 'k', 'teststrip-shadow': '1', 'x-app': 'web' };
    const answer = await ask(router, { unit: 'anna', headers });
    expect(answer.body).toBe('control');
    const [original, copy] = await pairOf(1);

    expect(original).toMatchObject({ upstream: control.url, outcome: 'delivered', assignment: { variant: 'control' } });
    expect(copy).toMatchObject({ upstream: candidate.url, outcome: 'delivered', status: 200, instance: 'pod-1' });
    expect(copy.durationMs).toBeGreaterThan(0);
    expect(copy.requestId).not.toBe(original.requestId);
    expect(copy.assignment).toMatchObject({ variant: 'candidate', unit: 'anna', epoch: 1, propensity: 0 });
    expect(copy.assignment?.pair).toEqual(original.assignment?.pair);
    expect(original.assignment?.pair).toMatchObject({ request: original.requestId, candidate: 'candidate' });

    // Both services hear of the pair at once, and the client of its own request.
    expect(assignmentIn(control.seen[0])).toEqual(original.assignment);
    expect(assignmentIn(candidate.seen[0])).toEqual(copy.assignment);
    expect(decodeAssignment(String(answer.headers[ASSIGNMENT_HEADER]))).toEqual(original.assignment);
    expect(candidate.seen[0]).toMatchObject({ url: control.seen[0]?.url, body: LAMP });
    const mayDiffer = { [ASSIGNMENT_HEADER]: '', [REQUEST_ID_HEADER]: '', traceparent: '', host: '' };
    const { 'idempotency-key': _key, ...sent } = control.seen[0]?.headers ?? {};
    expect({ ...candidate.seen[0]?.headers, ...mayDiffer }).toEqual({ ...sent, 'teststrip-shadow': '1', ...mayDiffer });
    // Nobody but the router says so.
    expect(sent).not.toHaveProperty('teststrip-shadow');
    expect(await metrics()).toContain(
      'teststrip_router_shadow_total{service="text-to-image",candidate="candidate",outcome="delivered",reason=""} 1',
    );
    expect(await metrics()).toContain('variant="control",outcome="delivered"} 1');
    expect(await metrics()).not.toContain('variant="candidate",outcome=');
  });

  it('signs what both services are told of their request, and tells the client nothing of it', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    const assignmentKey = 'a key of sixteen letters';
    const router = await start({ control, candidate }, SHADOW, { assignmentKey });
    const answer = await ask(router, { headers: { [ASSIGNMENT_SIGNATURE_HEADER]: 'forged' } });
    const [original, copy] = await pairOf(1);
    for (const [{ seen }, { requestId }] of [[control, original] as const, [candidate, copy] as const]) {
      const told = seen[0]?.headers ?? {};
      const encoded = String(told[ASSIGNMENT_HEADER]);
      const signature = String(told[ASSIGNMENT_SIGNATURE_HEADER]);
      expect(assignmentSignatures(assignmentKey).isOf({ requestId, encoded }, signature)).toBe(true);
    }
    expect(answer.headers).not.toHaveProperty(ASSIGNMENT_SIGNATURE_HEADER);
  });

  it('gives both the same seed where the request asks for any', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    const router = await start({ control, candidate });
    expect((await ask(router, { body: '{"prompt":"a lamp","seed":-1}' })).status).toBe(200);
    await pairOf(1);
    expect(JSON.parse(control.seen[0]?.body as string)).toEqual({ prompt: 'a lamp', seed: expect.any(Number) });
    expect(JSON.parse(control.seen[0]?.body as string)).not.toMatchObject({ seed: -1 });
    expect(candidate.seen[0]?.body).toBe(control.seen[0]?.body);

    await order(2, { shadow: { ...SHADOW, seed: 'options.seed' } });
    expect((await ask(router, { body: '{"prompt":"a lamp"}' })).status).toBe(200);
    await expect.poll(() => candidate.seen.length).toBe(2);
    expect(control.seen[1]?.body).toMatch(/^\{"options":\{"seed":\d+\},"prompt":"a lamp"\}$/);
    expect(candidate.seen[1]?.body).toBe(control.seen[1]?.body);
  });

  it('copies nothing without the order, nor what it may not copy, and changes none of it', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    const router = await start({ control, candidate }, null);
    const body = '{"prompt":"a lamp","seed":-1}';
    await ask(router, { body });
    await order(2, { shadow: { ...SHADOW, ratePpm: 1 } });
    await ask(router, { body });
    await order(3);
    await ask(router, { body: '{"text":"a lamp","seed":-1}' });
    await ask(router, { body, headers: { 'content-type': 'text/plain' } });
    await ask(router, { body: `{"prompt":"${'x'.repeat(70_000)}"}` });
    const told = await routed(5);
    expect(told.every(({ assignment }) => assignment?.variant === 'control' && !assignment.pair)).toBe(true);
    expect(control.seen.slice(0, 2).map((seen) => seen.body)).toEqual([body, body]);
    expect(candidate.seen).toEqual([]);
    expect(await metrics()).toContain('outcome="not-marked",reason="no-prompt"} 2');
    expect(await metrics()).toContain('outcome="not-marked",reason="large-body"} 1');
  });

  it('copies only what was drawn: not who is outside the audience, nor while the controller is lost', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    let clockMs = 0;
    const audience = [{ attribute: 'plan', in: ['pro'] }];
    const router = await start({ control, candidate }, SHADOW, { monotonicMs: () => clockMs, spec: { audience } });
    await ask(router, {});
    await ask(router, { headers: { 'teststrip-attributes': 'plan=pro' } });
    await pairOf(2);
    clockMs = 40_000;
    await ask(router, { headers: { 'teststrip-attributes': 'plan=pro' } });
    const told = await routed(4);
    expect(told.filter(({ assignment }) => assignment?.pair)).toHaveLength(2);
    expect(candidate.seen).toHaveLength(1);
  });

  it('holds nobody up with a candidate that hangs, and sends it no more than are allowed at once', async () => {
    const [control, candidate] = [await service('control'), await service('candidate', () => undefined)];
    const router = await start({ control, candidate }, { ...SHADOW, concurrency: 2 }, { limits: { timeoutMs: 400 } });
    for (let number = 0; number < 6; number += 1) expect((await ask(router, {})).body).toBe('control');
    await expect.poll(() => candidate.seen.length).toBe(2);
    const told = await routed(8);
    expect(told.filter(isACopy)).toMatchObject([
      { outcome: 'timed-out', durationMs: null },
      { outcome: 'timed-out', durationMs: null },
    ]);
    expect(candidate.seen).toHaveLength(2);
    expect(await metrics()).toContain('outcome="not-marked",reason="concurrency"} 4');
    expect(await metrics()).toContain('teststrip_router_shadow_under_way 0');
    // There is room again.
    await ask(router, {});
    await expect.poll(() => candidate.seen.length).toBe(3);
  });

  it('looks for no prompt where there is no room any more', async () => {
    const [control, candidate] = [await service('control'), await service('candidate', () => undefined)];
    const router = await start({ control, candidate }, { ...SHADOW, concurrency: 1 });
    const noPrompt = '{"text":"a lamp"}';
    const slow = httpRequest(new URL('/v1/services/text-to-image/generations', router.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': noPrompt.length },
    });
    const answered = new Promise<IncomingMessage>((resolve) => slow.on('response', resolve));
    slow.write(noPrompt.slice(0, 5));
    // The router has its head, and found room.
    await expect.poll(metrics).toContain('teststrip_router_in_flight 1');
    await ask(router, {});
    slow.end(noPrompt.slice(5));
    (await answered).resume();
    expect(await metrics()).toContain('outcome="not-marked",reason="concurrency"} 1');
  });

  it('makes a pair of what control fails at, and of what the candidate fails at', async () => {
    const [control, candidate] = [await service('control', failing(500)), await service('candidate', failing(429))];
    const router = await start({ control, candidate });
    expect((await ask(router, {})).status).toBe(500);
    expect(await pairOf(1)).toMatchObject([{ outcome: 'server-error' }, { outcome: 'refused', status: 429 }]);
  });

  it('says of a candidate that is not there what it says of any such upstream', async () => {
    const control = await service('control');
    const router = await start({ control, candidate: { url: 'http://127.0.0.1:9/', seen: [] } });
    expect((await ask(router, {})).body).toBe('control');
    expect(await pairOf(1)).toMatchObject([{ outcome: 'delivered' }, { outcome: 'server-error', status: null }]);
  });

  it('counts what the client took for both, so that a slow one makes no candidate look faster', async () => {
    const picture = Buffer.alloc(16_000_000);
    const large: Answering = (response) => void response.end(picture);
    const [control, candidate] = [await service('control', large), await service('candidate', large)];
    const router = await start({ control, candidate });
    const request = httpRequest(new URL('/v1/services/text-to-image/generations', router.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': LAMP.length },
    });
    request.write(LAMP.slice(0, 5));
    await pause(150);
    request.end(LAMP.slice(5));
    const response = await new Promise<IncomingMessage>((resolve) => {
      request.on('response', resolve);
    });
    await pause(600);
    expect((await bodyOf(response)).length).toBe(picture.length);
    const [original, copy] = await pairOf(1);
    expect(original.clientMs).toBeGreaterThan(250);
    expect(original.clientMs).toBeLessThan(original.durationMs as number);
    expect(copy.clientMs).toBe(original.clientMs);
    expect(copy.durationMs).toBeGreaterThan(original.clientMs as number);
  });

  it('takes its time with an answer that goes on, as for anybody', async () => {
    const [control, candidate] = [await service('control', slowly), await service('candidate', slowly)];
    const router = await start({ control, candidate }, SHADOW, { limits: { timeoutMs: 200, idleMs: 5_000 } });
    expect((await ask(router, {})).body).toBe('abc');
    expect(await pairOf(1)).toMatchObject([{ outcome: 'delivered' }, { outcome: 'delivered' }]);
  });

  it('gives a copy up whose client has left, and whose order has ended meanwhile', async () => {
    const waiting: ServerResponse[] = [];
    const control = await service('control', (response) => void waiting.push(response));
    const candidate = await service('candidate');
    const router = await start({ control, candidate });
    const left = open(router, {});
    left.on('error', () => undefined);
    await expect.poll(() => waiting.length).toBe(1);
    left.destroy();
    expect(await pairOf(1)).toMatchObject([{ outcome: 'cancelled' }, { outcome: 'cancelled', durationMs: null }]);

    const answer = ask(router, {});
    await expect.poll(() => waiting.length).toBe(2);
    await order(2, { command: 'rollback', shadow: undefined, terminal: true });
    waiting[1]?.end('control');
    expect((await answer).body).toBe('control');
    const told = await routed(4);
    expect(told.filter(isACopy).map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled']);
    expect(candidate.seen).toEqual([]);
    expect(await metrics()).toContain('outcome="cancelled",reason="client-left"} 1');
    expect(await metrics()).toContain('outcome="cancelled",reason="order-ended"} 1');
  });

  it('gives copies up when it stops, and says so before it has gone', async () => {
    const control = await service('control');
    const candidate = await service('candidate', () => undefined);
    const router = await start({ control, candidate });
    await ask(router, {});
    await expect.poll(() => candidate.seen.length).toBe(1);
    await router.close();
    expect((await pairOf(1))[1]).toMatchObject({ outcome: 'cancelled' });
    expect(await metrics()).toContain('outcome="cancelled",reason="stopping"} 1');
  });

  it('copies nothing while many requests are under way', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    const router = await start({ control, candidate }, SHADOW, { shadowBusyAbove: 0 });
    await ask(router, {});
    expect((await routed(1))[0]?.assignment).not.toHaveProperty('pair');
    expect(await metrics()).toContain('outcome="not-marked",reason="busy"} 1');
  });

  it('copies what one slot of a divided service serves, and nothing of the others', async () => {
    const [control, candidate] = [await service('control'), await service('candidate')];
    const router = await start({ control, candidate }, null);
    const [inSlot] = await commands();
    const { commandId, experiment, revision, command, stage, weightsPpm, commandedAt, terminal } =
      inSlot as AllocationCommanded;
    const own = { commandId, experiment, revision, epoch: 1, command, stage, weightsPpm, commandedAt, terminal };
    const slots = [
      { id: 'first', fromPpm: 0, toPpm: 500_000, order: { ...own, shadow: SHADOW } },
      { id: 'second', fromPpm: 500_000, toPpm: 1_000_000, order: null },
    ];
    const baseline = { upstream: control.url, fingerprint: 'a' };
    await order(2, { baseline, layer: { unit: 'user', holdoutPpm: 0, slots } });
    for (let number = 0; number < 8; number += 1) await ask(router, { unit: `user-${number}` });
    const first = (await routed(8 + candidate.seen.length)).filter(({ assignment }) => assignment !== null);
    const originals = first.filter((one) => !isACopy(one));
    expect(originals.length).toBeGreaterThan(0);
    expect(originals.length).toBeLessThan(8);
    await expect.poll(() => candidate.seen.length).toBe(originals.length);
    expect(originals.every(({ assignment }) => assignment?.pair !== undefined)).toBe(true);
  });

  it('lets several candidates take turns', async () => {
    const [control, candidate, other] = [await service('control'), await service('candidate'), await service('other')];
    const variants = variantsOf({ control, candidate, other });
    const shadow = { ...SHADOW, candidates: ['candidate', 'other'] };
    const router = await start({ control, candidate }, shadow, { spec: { kind: 'ab', variants } });
    for (let number = 0; number < 6; number += 1) {
      await ask(router, { unit: `user-${number}` });
      await routed(2 * (number + 1));
    }
    expect([candidate.seen.length, other.seen.length]).toEqual([3, 3]);
  });
});

interface Changes extends Partial<RouterOptions> {
  readonly spec?: Parameters<typeof definition>[0];
}

/** A router under an order that serves everybody control. */
async function start(
  { control, candidate }: Readonly<Record<'control' | 'candidate', Service>>,
  shadow: AllocationCommanded['shadow'] | null = SHADOW,
  { spec = {}, ...options }: Changes = {},
): Promise<Router> {
  const variants = variantsOf({ control, candidate });
  await publish('experiment.defined.v1', 'exp', definition({ variants, ...spec }));
  registry = new Registry();
  await order(1, { shadow: shadow ?? undefined });
  const silent = { log: () => undefined, warn: () => undefined };
  const router = new Router(bus, { port: 0, metrics: registry, logger: silent, ...options });
  closing.push(() => router.close());
  await router.start();
  return router;
}

function variantsOf(services: Readonly<Record<string, Service>>): ReturnType<typeof definition>['spec']['variants'] {
  const config = { checkpoint: 'scenes', sampler: 'ddim', steps: 20, precision: 'fp16' };
  return Object.fromEntries(Object.entries(services).map(([name, { url }]) => [name, { upstream: url, config }]));
}

async function order(epoch: number, changes: Partial<AllocationCommanded> = {}): Promise<void> {
  const applied = (await bus.readAll('allocation.applied.v1')).length;
  await publish('allocation.commanded.v1', 'exp', {
    commandId: `command-${epoch}`,
    experiment: 'exp',
    service: 'text-to-image',
    revision: 1,
    epoch,
    command: 'advance',
    stage: 0,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    reason: 'started',
    message: 'test',
    evidence: null,
    actor: 'test',
    commandedAt: new Date().toISOString(),
    terminal: false,
    shadow: SHADOW,
    ...changes,
  });
  if (epoch === 1) return;
  await expect.poll(async () => (await bus.readAll('allocation.applied.v1')).length).toBe(applied + 1);
}

async function publish<Name extends TopicName>(type: Name, subject: string, data: DataOf<Name>): Promise<void> {
  const envelope = { specversion: '1.0', id: `${type}-${Math.random()}`, source: 'test' } as const;
  await bus.publish([
    encodeEvent({ ...envelope, type, time: new Date().toISOString(), subject, data } as TeststripEvent),
  ]);
}

/** Answers with its name unless told otherwise, and keeps what it was asked. */
async function service(name: string, answer: Answering = (response) => void response.end(name)): Promise<Service> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      seen.push({ headers: request.headers, url: String(request.url), body });
      response.setHeader('teststrip-instance', 'pod-1');
      answer(response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen };
}

function slowly(response: ServerResponse): void {
  response.write('a');
  setTimeout(() => response.write('b'), 150);
  setTimeout(() => response.end('c'), 300);
}

function failing(status: number): Answering {
  return (response) => void response.writeHead(status).end('x');
}

interface Question {
  readonly body?: string;
  readonly unit?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function open(router: Router, { body = LAMP, unit = 'user-0', headers = {} }: Question) {
  const request = httpRequest(new URL('/v1/services/text-to-image/generations', router.url), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      [UNIT_HEADER]: unit,
      ...headers,
    },
  });
  request.end(body);
  return request;
}

async function ask(
  router: Router,
  question: Question,
): Promise<{ readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: string }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = open(router, question);
    request.on('response', resolve);
    request.on('error', reject);
  });
  return { status: response.statusCode ?? 0, headers: response.headers, body: await bodyOf(response) };
}

async function bodyOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function routed(count: number): Promise<readonly RequestRouted[]> {
  await expect.poll(async () => (await bus.readAll('request.routed.v1')).length, { timeout: 3_000 }).toBe(count);
  const records = await bus.readAll('request.routed.v1');
  return records.map((record) => (decodeEvent(record) as TeststripEvent<'request.routed.v1'>).data);
}

/** The original and its copy, beside as many requests as are no part of a pair. */
async function pairOf(requests: number): Promise<readonly [RequestRouted, RequestRouted]> {
  const told = await routed(requests + 1);
  const copy = told.find(isACopy) as RequestRouted;
  const original = told.find(({ requestId }) => requestId === copy.assignment?.pair?.request);
  return [original as RequestRouted, copy];
}

async function commands(): Promise<readonly AllocationCommanded[]> {
  const records = await bus.readAll('allocation.commanded.v1');
  return records.map((record) => (decodeEvent(record) as TeststripEvent<'allocation.commanded.v1'>).data);
}

function isACopy({ assignment }: RequestRouted): boolean {
  return assignment !== null && isCopy(assignment);
}

function assignmentIn(seen: Seen | undefined): unknown {
  return decodeAssignment(String(seen?.headers[ASSIGNMENT_HEADER]));
}

function metrics(): Promise<string> {
  return registry.metrics();
}
