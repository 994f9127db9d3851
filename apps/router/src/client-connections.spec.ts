import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeEvent, type RequestRouted } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import type { RouterOptions } from './index.js';
import { Router } from './router.js';
import { rawClient, rawUpstream } from './test/byte-for-byte.js';

let closing: (() => unknown)[] = [];
let bus: EventBus;

beforeEach(async () => {
  closing = [];
  bus = await createEventBus({ carrier: 'memory' });
  await ensureTopics(bus, 1);
});

afterEach(async () => {
  for (const close of closing.toReversed()) await close();
  await bus.close();
});

const PATH = '/v1/services/images/x';

describe('pipelined requests', () => {
  it('whose client has left give their places back, and charge nobody', async () => {
    let asked = 0;
    const upstream = await scripted(() => void (asked += 1));
    const { port } = await start(upstream, { clientRequests: 4 });
    const post = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
    for (let times = 1; times <= 2; times += 1) {
      const client = speak(port, post.repeat(4));
      await expect.poll(() => asked, { timeout: 5_000 }).toBe(4 * times);
      client.socket.destroy();
      await expect.poll(async () => (await outcomes()).length, { timeout: 5_000 }).toBe(4 * times);
    }
    expect(new Set(await outcomes())).toEqual(new Set(['cancelled']));
  });

  it('hold one stream of changes at most, and none when their client has left', async () => {
    const { port, router } = await start('http://127.0.0.1:1');
    const streams = (): unknown => Reflect.get(Reflect.get(router, 'flags') as object, 'listening');
    const client = speak(port, 'GET /ofrep/v1/events HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    await client.until('refetchEvaluation');
    expect(streams()).toBe(1);
    client.socket.destroy();
    await expect.poll(streams, { timeout: 5_000 }).toBe(0);
  });
});

describe('what is no request', () => {
  it.each(['PIPELINED GARBAGE\r\n\r\n', `GET ${PATH} HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n`])(
    'is answered in its turn behind a slow request: %j',
    async (garbage) => {
      let answer: (() => unknown) | undefined;
      const upstream = await scripted((socket) => (answer = () => socket.write(`${OK}content-length: 4\r\n\r\nslow`)));
      const { port } = await start(upstream);
      const { until } = speak(port, `GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n${garbage}`);
      const said = until('HTTP/1.1 400 ');
      await expect.poll(() => answer).toBeDefined();
      answer?.();
      expect(await said).toMatch(/^HTTP\/1\.1 200 OK[^]*slowHTTP\/1\.1 400 /);
    },
  );

  it('in the middle of a body ends it with an answer', async () => {
    const { port } = await start(await scripted(() => undefined));
    const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await speak(port, `${head}no chunk\r\n`).until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('asks for a tunnel, and is told that there is none', async () => {
    const { port } = await start(await scripted(() => undefined));
    const text = await speak(port, 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n').until('}');
    expect(text).toMatch(/^HTTP\/1\.1 501 /);
  });
});

describe('a request', () => {
  it('has all of its headers, its length behind a thousand others among them', async () => {
    const upstream = await scripted((socket, text) => socket.write(`${OK}content-length: 1\r\n\r\n${text.at(-1)}`));
    const { port } = await start(upstream);
    const head = `Host: x\r\n${'a:b\r\n'.repeat(1_100)}Content-Length: 1\r\n`;
    expect(await speak(port, `POST ${PATH} HTTP/1.1\r\n${head}\r\n!`).until('!')).toMatch(/^HTTP\/1.1 200 /);
  });

  it('says nothing in the name of a proxy or a router by writing it with underscores, and no other host than it asks', async () => {
    let seen = '';
    const upstream = await scripted((socket, text) => {
      seen = text;
      socket.write(`${OK}content-length: 1\r\n\r\n!`);
    });
    const { port } = await start(upstream);
    const forged = 'X_Forwarded_For: forged\r\nTeststrip_Shadow: forged\r\nX_Own: mine\r\n';
    await speak(port, `GET http://asked.example${PATH} HTTP/1.1\r\nHost: other\r\n${forged}\r\n`).until('!');
    expect(seen).not.toMatch(/forged\r|: other/);
    expect(seen).toContain('x_own: mine');
    expect(seen).toContain('x-forwarded-host: asked.example');
  });
});

describe('an answer', () => {
  it.each([
    ['HEAD', '1.1', '200 OK\r\ntrailer: x-digest\r\n\r\n'],
    ['GET', '1.1', '304 Not Modified\r\ntrailer: x-digest\r\n\r\n'],
    ['GET', '1.0', '200 OK\r\ntrailer: x-digest\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-digest: a\r\n\r\n'],
  ])('announces no trailers where none can come: to a %s of HTTP/%s', async (method, version, answer) => {
    const { port } = await start(await scripted((socket) => socket.write(`HTTP/1.1 ${answer}`)));
    const head = `Host: x\r\nTE: trailers\r\nConnection: te\r\n`;
    const text = await speak(port, `${method} ${PATH} HTTP/${version}\r\n${head}\r\n`).until('\r\n\r\n');
    expect(text).toContain(`HTTP/1.1 ${answer.slice(0, 3)} `);
    expect(text).not.toContain('x-digest');
  });

  it('that is not whole, and says neither its length nor its chunks, ends with a reset', async () => {
    let half: Socket | undefined;
    const upstream = await scripted((socket) => {
      half = socket;
      socket.write(`${OK}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`);
    });
    const { port } = await start(upstream);
    const { socket, until } = speak(port, `GET ${PATH} HTTP/1.0\r\nHost: x\r\n\r\n`);
    const ended = new Promise((resolve) => {
      socket.once('end', () => resolve('complete'));
      socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
    });
    await until('half');
    half?.destroy();
    expect(await ended).toBe('ECONNRESET');
  });
});

const OK = 'HTTP/1.1 200 OK\r\n';

async function outcomes(): Promise<readonly string[]> {
  const records = await bus.readAll('request.routed.v1');
  return records.map((record) => (decodeEvent(record).data as RequestRouted).outcome);
}

async function start(upstream: string, settings: Partial<RouterOptions> = {}) {
  const router = new Router(bus, {
    port: 0,
    upstreams: { images: upstream },
    drainMs: 100,
    eventDelayMs: 5,
    ...settings,
  });
  await router.start();
  closing.push(() => router.close());
  return { router, port: Number(new URL(router.url).port) };
}

const later = (close: () => unknown): unknown => closing.push(close);
const scripted = (answer: (socket: Socket, text: string) => unknown): Promise<string> => rawUpstream(answer, later);
const speak = (port: number, text: string) => rawClient(port, text, later);
