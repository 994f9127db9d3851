import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { assert, asyncProperty, boolean, integer, nat, tuple } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeEvent, type RequestRouted } from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { Router } from '../router.js';
import type { RouterOptions } from '../router-options.js';
import { rawClient, rawUpstream } from '../test/byte-for-byte.js';

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
const OK = 'HTTP/1.1 200 OK\r\n';
const LONG = 'p'.repeat(300_000);
const POST = `POST ${PATH}?a=b HTTP/1.1\r\nHost: x:80\r\nContent-Type: application/json\r\nX-Own: mine\r\nContent-Length: 6\r\n\r\nprompt`;
const GET = request('GET');

function request(method: string, ...headers: readonly string[]): string {
  return `${[`${method} ${PATH} HTTP/1.1`, 'Host: x', ...headers].join('\r\n')}\r\n\r\n`;
}

describe('a request that comes whole', () => {
  it.each<[what: string, asked: string, answer: readonly string[]]>([
    ['a length', POST, [`${OK}Content-Type: image/png\r\nContent-Length: 4\r\n\r\npict`]],
    ['a length of nothing', POST, [`${OK}Content-Length: 0\r\n\r\n`]],
    ['a body that comes behind its head', GET, [`${OK}Content-Length: 8\r\n\r\n`, 'pict', 'ures']],
    ['chunks', POST, [`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\npict\r\n3\r\nure\r\n0\r\n\r\n`]],
    ['chunks that come one by one', GET, [`${OK}Transfer-Encoding: chunked\r\n\r\n`, '2\r\nab\r\n', '0\r\n\r\n']],
    ['no chunk', GET, [`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`]],
    ['the end of its connection', GET, [`${OK}Connection: close\r\n\r\nuntil its end`, END]],
    ['more than fits', GET, [`${OK}Content-Length: ${LONG.length}\r\n\r\n${LONG}`]],
    ['more than fits in chunks', GET, [`${OK}Transfer-Encoding: chunked\r\n\r\n493e0\r\n${LONG}\r\n0\r\n\r\n`]],
    ['nothing to say', request('DELETE'), ['HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n']],
    ['what the client has', GET, ['HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n']],
    ['a head alone, with a length', request('HEAD'), [`${OK}Content-Length: 9\r\n\r\n`]],
    ['a head alone, without', request('HEAD'), [`${OK}X-A: b\r\n\r\n`]],
    ['an error', POST, ['HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno']],
    ['a status of its own', POST, ['HTTP/1.1 700 What\r\nContent-Length: 2\r\n\r\nno']],
    [
      'headers of all kinds',
      request('OPTIONS', 'Cookie: a=b; c=d', 'TE: trailers'),
      [
        `${OK}Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Name: Jos\xe9\r\ndate: Mon\r\nKeep-Alive: timeout=9\r\nContent-Length: 0\r\n\r\n`,
      ],
    ],
    [
      'hints before it',
      GET,
      [`HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${OK}Content-Length: 0\r\n\r\n`],
    ],
    ['hints that are none', GET, [`HTTP/1.1 103 Early Hints\r\nLink: what\r\n\r\n${OK}Content-Length: 0\r\n\r\n`]],
    [
      'trailers behind it',
      request('GET', 'TE: trailers'),
      [`${OK}Trailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 7\r\n\r\n`],
    ],
    ['half an answer', GET, [`${OK}Content-Length: 8\r\n\r\npict`, END]],
    ['half a chunk', GET, [`${OK}Transfer-Encoding: chunked\r\n\r\n8\r\npict`, END]],
    ['what is no answer', POST, ['HTTP/1.1 200 OK\r\nbad header\r\n\r\n']],
    ['no answer at all', request('PUT', 'Content-Length: 0'), [END]],
  ])('is passed on and answered as by the server: %s', async (_what, asked, pieces) => {
    const both = await start({ images: await scripted(pieces) });
    const whole = await both.whole(asked);
    const served = await both.served(asked);
    expect(whole).toEqual(served);
    expect(whole.said).toMatch(/^HTTP\/1\.1 \d{3} /);
    expect(both.byServer()).toBe(1);
  });

  it.each<[what: string, asked: string, settings?: Partial<RouterOptions>, state?: string]>([
    ['of a service that nobody knows', GET.replace('images', 'unknown')],
    ['whose upstream does not answer at all', GET.replace('images', 'dead')],
    ['of a service that has no place', GET, { limits: { connections: 0, queue: 0 } }],
    ['of a router that knows nothing yet', GET, {}, 'unready'],
  ])('is refused as by the server: %s', async (_what, asked, settings = {}, state = 'ready') => {
    const both = await start({ images: await scripted([`${OK}Content-Length: 0\r\n\r\n`]) }, settings);
    if (state === 'unready') Reflect.set(both.router, 'stateSource', 'none');
    const whole = await both.whole(asked);
    expect(whole).toEqual(await both.served(asked));
    expect(whole.said).toMatch(/^HTTP\/1\.1 (?:404|502|503) [^]*application\/problem\+json[^]*}$/);
    expect(both.byServer()).toBe(1);
  });

  it('has one of the places of its client, and gives it back', async () => {
    const both = await start({ images: await scripted([]) }, { clientRequests: 1 });
    const first = both.speak(GET);
    await expect.poll(() => both.asked().length).toBe(1);
    const refused = await both.whole(GET);
    expect(refused.said).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n[^]*retry-after: 1\r\n/i);
    first.socket.destroy();
    await expect.poll(() => Reflect.get(both.router, 'inFlight') as number).toBe(0);
    const second = both.speak(POST);
    await expect.poll(() => both.asked().length, { timeout: 5_000 }).toBe(1);
    // Who ends his side has gone as well.
    second.socket.end();
    await expect.poll(outcomesOf).toEqual(['cancelled']);
    expect(both.byServer()).toBe(0);
  });

  it('keeps its upstream at the pace of its client', async () => {
    let taken = 0;
    const upstream = createServer((_request, response) => {
      const more = (): void => {
        do taken += 64_000;
        while (response.write(Buffer.alloc(64_000)) && taken < 64_000_000);
      };
      response.on('drain', () => taken < 64_000_000 && more());
      more();
    });
    const both = await start({ images: await listening(upstream) });
    const { socket } = both.speak(GET);
    socket.pause();
    let before = -1;
    await expect.poll(() => before === (before = taken) && taken > 0, { interval: 300, timeout: 10_000 }).toBe(true);
    expect(taken).toBeLessThan(64_000_000);
    socket.resume();
    await expect.poll(() => taken, { timeout: 10_000 }).toBeGreaterThanOrEqual(64_000_000);
    expect(both.byServer()).toBe(0);
  });

  it('is answered before what has come behind it, which is the server’s', async () => {
    const both = await start({ images: await scripted(['', `${OK}Content-Length: 4\r\n\r\nslow`]) });
    const client = both.speak(POST);
    await expect.poll(() => both.asked().length).toBe(1);
    client.socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n');
    await client.until(/slowHTTP\/1\.1 200 OK[^]*HTTP\/1\.1 400 /);
  });

  it('is answered while the router closes, and its connection ends then', async () => {
    const both = await start({ images: await scripted(['', `${OK}Content-Length: 4\r\n\r\nlast`]) });
    const [idle, client] = [both.speak(''), both.speak(POST)];
    await expect.poll(() => both.asked().length).toBe(1);
    const closed = both.router.close();
    await client.until(/last$/);
    await Promise.all([client.ended, idle.ended, closed]);
  });
});

describe('whatever comes', () => {
  it('is answered the same way in one piece and behind another request', { timeout: 60_000 }, async () => {
    const both = await start({ images: await scripted([`${OK}Content-Length: 4\r\n\r\npict`]) });
    for (const asked of ODD) expect(await both.whole(asked), asked).toEqual(await both.served(asked));
  });

  it('is answered the same way when a byte of it is another one', { timeout: 60_000 }, async () => {
    const both = await start({ images: await scripted([`${OK}Content-Length: 4\r\n\r\npict`]) });
    const change = tuple(nat({ max: POST.length }), integer({ min: 0, max: 255 }), boolean());
    const property = asyncProperty(change, async ([at, byte, instead]) => {
      const asked = `${POST.slice(0, at)}${String.fromCharCode(byte)}${POST.slice(instead ? at + 1 : at)}`;
      expect(await both.whole(asked), asked).toEqual(await both.served(asked));
    });
    await assert(property, { numRuns: 60 });
  });

  it('is read as the same request wherever it is cut', { timeout: 60_000 }, async () => {
    const both = await start({ images: await scripted([`${OK}Content-Length: 4\r\n\r\npict`]) });
    const { seen, said } = await both.whole(POST);
    for (let cut = 1; cut < POST.length; cut += 1) {
      const client = both.speak(POST.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(POST.slice(cut), 'latin1');
      await client.until(/pict$/);
      client.socket.destroy();
      expect([both.asked().at(-1), plain(client.said())]).toEqual([seen, said]);
    }
  });
});

const SMUGGLED = `GET ${PATH}/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Requests that could be read in two ways, and others that few clients send. */
const ODD: readonly string[] = [
  `${request('POST', 'Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`,
  `${request('POST', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`,
  `${request('POST', 'Transfer-Encoding : chunked', 'Content-Length: 3')}abc`,
  `${request('POST', 'Content-Length: 6', 'Content-Length: 6')}prompt`,
  `${request('POST', 'Content-Length: 6', 'Content-Length: 5')}prompt`,
  `${request('POST', 'Content-Length: 6, 6')}prompt`,
  `${request('POST', 'Content-Length: +6')}prompt`,
  `${request('POST', 'Content-Length: 06')}prompt`,
  `${request('POST', 'Content-Length: 0x6')}prompt`,
  `${request('POST', 'Content-Length: 6 ')}prompt`,
  `${request('POST', 'Content-Length:6')}prompt`,
  `${request('POST', 'Content-Length:\t6')}prompt`,
  `${request('POST', 'Content-Length: ')}prompt`,
  `${request('POST', 'content_length: 6')}${SMUGGLED}`,
  `${POST}${SMUGGLED}`,
  request('POST'),
  request('GET', 'Host: y'),
  request('GET', 'A: b', ' c'),
  request('GET', 'A : b'),
  request('GET', 'A: b\nHost: z'),
  request('GET', 'A: b\rc'),
  request('GET', 'A: b\0c'),
  request('GET', 'A:'),
  request('GET', ': b'),
  request('GET', 'A: \xe9'),
  request('GET', 'A: b', 'a: c'),
  request('GET', '__proto__: b', 'constructor: c'),
  request('GET', `A: ${'b'.repeat(3_000)}`),
  request('GET', `A: ${'b'.repeat(5_000)}`),
  request('GET', `A: ${'b'.repeat(17_000)}`),
  request('GET', 'Connection: close'),
  request('GET', 'Connection: keep-alive, X-Own', 'X-Own: hop'),
  request('GET', 'Connection: Keep-Alive', 'Keep-Alive: timeout=5'),
  request('GET', 'Upgrade: h2c', 'Connection: Upgrade'),
  request('GET', 'Expect: 200-ok'),
  request('GET').replace('Host: x', 'Host: a/b'),
  request('GET').replace('Host: x', 'Host: a,b'),
  request('GET').replace('Host: x\r\n', ''),
  request('GET').replaceAll('\r\n', '\n'),
  request('GET').replace('1.1', '1.0'),
  request('GET').replace('1.1', '1.2'),
  request('GET').replace(PATH, `http://y${PATH}`),
  request('GET').replace(PATH, '*'),
  request('GET').replace(PATH, `${PATH}/../y`),
  request('GET').replace(PATH, `${PATH}/%2e%2e/y`),
  request('GET').replace(PATH, `${PATH}#part`),
  request('GET').replace(PATH, `/${PATH}`),
  request('GET').replace(PATH, `${PATH} y`),
  request('GET').replace(PATH, `${PATH}?a="b"`),
  request('TRACE'),
  request('get'),
  request('CONNECT'),
  `\r\n${request('GET')}`,
];

function later(close: () => unknown): void {
  closing.push(close);
}

/** Ends the connection. */
const END = 'end';

async function heard(client: ReturnType<typeof speak>, asked: string, from: number) {
  await client.answered(asked, from);
  client.socket.destroy();
  const result = { said: plain(client.said().slice(from)), seen: seen.at(-1), count: seen.length };
  seen.length = 0;
  return result;
}

/** A router, and how it answers in both ways. */
async function start(upstreams: Readonly<Record<string, string>>, settings: Partial<RouterOptions> = {}) {
  const router = new Router(bus, {
    port: 0,
    upstreams: { ...upstreams, dead: 'http://127.0.0.1:1' },
    drainMs: 5_000,
    eventDelayMs: 1,
    logger: { log: () => undefined, warn: () => undefined },
    ...settings,
  });
  await router.start();
  later(() => router.close());
  const port = Number(new URL(router.url).port);
  let byServer = 0;
  (Reflect.get(router, 'server') as Server).on('request', ({ url }) => (byServer += url === '/health/live' ? 0 : 1));
  return {
    router,
    byServer: () => byServer,
    asked: () => seen,
    speak: (text: string) => speak(port, text),
    whole: async (text: string) => heard(speak(port, text), text, 0),
    /** Over a connection that is the server's, since something else has come over it. */
    served: async (text: string) => {
      const client = speak(port, 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      await client.until(/}$/);
      const from = client.said().length;
      client.socket.write(text, 'latin1');
      return heard(client, text, from);
    },
  };
}

/** What upstreams were sent, without what differs from request to request. */
const seen: string[] = [];

/** Answers each request with these pieces, one by one. */
function scripted(pieces: readonly string[]): Promise<string> {
  seen.length = 0;
  return rawUpstream((socket, text) => {
    seen.push(plain(text));
    void answer(socket, pieces);
  }, later);
}

async function answer(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    if (piece === END) socket.end();
    else socket.write(piece, 'latin1');
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  later(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function speak(port: number, text: string) {
  const client = rawClient(port, text, later);
  const { socket, said } = client;
  const ended = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  /** Until nothing more comes: an answer is complete and no other follows, the connection has ended, or more is waited for than was sent. */
  const answered = async (asked: string, from: number): Promise<void> => {
    const lateMs = performance.now() + 2_000;
    let [before, quiet] = [-1, 0];
    while (!socket.closed && quiet < 4 && performance.now() < lateMs) {
      quiet = before === said().length && isComplete(asked, said().slice(from)) ? quiet + 1 : 0;
      before = said().length;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { ...client, answered, ended };
}

function isComplete(asked: string, said: string): boolean {
  const last = said.slice(said.lastIndexOf('HTTP/1.1 '));
  const [head = '', body] = last.split(/\r\n\r\n([^]*)/);
  if (body === undefined || / 103 /.test(head)) return false;
  if (asked.startsWith('HEAD ')) return true;
  if (/transfer-encoding: chunked/i.test(head)) return /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(body);
  const length = / (?:204|304) /.test(head) ? undefined : /content-length: (\d+)/i.exec(head)?.[1];
  return length === undefined || body.length >= Number(length);
}

/** Without what differs from request to request, and without where a body is cut into chunks. */
function plain(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replaceAll(/traceparent: \S+/g, 'traceparent: TRACE')
    .replaceAll(/Date: [^\r]+ GMT/g, 'Date: NOW')
    .replaceAll(/(?<=\n)[0-9a-f]+\r\n(p+)\r\n/g, '$1');
}

async function outcomesOf(): Promise<readonly string[]> {
  const records = await bus.readAll('request.routed.v1');
  return records.map((record) => (decodeEvent(record).data as RequestRouted).outcome);
}
