import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe as describeOnce, expect, it } from 'vitest';
import {
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  decodeAssignment,
  decodeEvent,
  encodeEvent,
  UNIT_HEADER,
  type RequestRouted,
} from '#libs/contracts';
import { createEventBus, ensureTopics, type EventBus } from '#libs/messaging';
import { startApp } from '#libs/platform';
import { runningCanary } from '#libs/testing/traffic';
import { routerApp, type RouterOptions } from './index.js';
import { Router } from './router.js';

/** Requests that come whole are read before Node.js's server gets them; whatever holds for one way holds for the other. */
let readsWhole = true;

function describe(what: string, tests: () => void): void {
  describeOnce.each([
    ['read whole', true],
    ['read by the server', false],
  ])(`${what}, %s`, (_way, isWhole) => {
    beforeEach(() => {
      readsWhole = isWhole;
    });
    tests();
  });
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

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

describe('any request', () => {
  it('is passed on with its method, body and answer; only those that make pictures are told on the bus', async () => {
    const control = await upstream((request, response) => {
      void textOf(request).then((body) => {
        response.setHeader('access-control-allow-origin', '*');
        response.end(`${request.method} ${body}`);
      });
    });
    const url = await router({ control, candidate: control }, 0);
    for (const [method, body, answer] of [
      ['GET', undefined, 'GET '],
      ['OPTIONS', undefined, 'OPTIONS '],
      ['HEAD', undefined, ''],
      ['PUT', 'picture', 'PUT picture'],
      ['PATCH', 'more', 'PATCH more'],
      ['DELETE', undefined, 'DELETE '],
      ['DELETE', 'why', 'DELETE why'],
      ['POST', 'prompt', 'POST prompt'],
    ] as const) {
      const answered = await ask(url, { method, body });
      expect(answered).toMatchObject({ status: 200, body: answer });
      expect(answered.headers['access-control-allow-origin']).toBe('*');
      expect(answered.headers[ASSIGNMENT_HEADER]).toBeDefined();
    }
    expect(await routed(1)).toMatchObject([{ outcome: 'delivered', status: 200 }]);
  });

  it('goes on with no header that is for the router alone, whoever wrote it', async () => {
    const control = await upstream((request, response) => response.end(JSON.stringify(request.rawHeaders)));
    const url = await router({ control, candidate: control }, 0);
    const forged = {
      [ASSIGNMENT_HEADER]: 'forged',
      [ASSIGNMENT_SIGNATURE_HEADER]: 'forged',
      'teststrip-request-id': 'mine',
      'teststrip-override-token': 'x',
    };
    const headers = { ...forged, connection: 'keep-alive, X-Secret', 'x-secret': 'hop', 'x-other': 'kept' };
    const { body } = await ask(url, { headers });
    const sent = JSON.parse(body) as string[];
    const valuesOf = (name: string) => sent.filter((_value, index) => sent[index - 1] === name);
    expect(valuesOf(ASSIGNMENT_HEADER).map((value) => decodeAssignment(value).unit)).toEqual(['user-1']);
    expect(valuesOf(ASSIGNMENT_SIGNATURE_HEADER)).not.toContain('forged');
    expect(valuesOf('x-other')).toEqual(['kept']);
    expect(valuesOf('x-secret')).toEqual([]);
    expect(valuesOf('teststrip-override-token')).toEqual([]);
    expect(body).not.toContain('mine');
    // Of a service without an experiment there is no assignment to send in its place.
    const plain = await router({ control, candidate: control }, null);
    expect((await ask(plain, { headers: forged })).body).not.toContain('forged');
  });

  it('brings nothing back that its upstream said for the connection between them alone', async () => {
    const said = { connection: 'keep-alive, X-Secret', 'x-secret': 'hop', 'x-other': 'kept' };
    const control = await upstream((_request, response) => response.writeHead(200, said).end('a picture'));
    const { headers } = await ask(await router({ control, candidate: control }, 0), {});
    expect(headers).toMatchObject({ 'x-other': 'kept' });
    expect(headers).not.toHaveProperty('x-secret');
  });

  it('keeps its bytes both ways, and a status that means nothing is passed on and counts as an error', async () => {
    const utf8 = 'filename="猫.png"';
    const answers = [
      Buffer.from(`HTTP/1.1 200 OK\r\nX-Name: ${utf8}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`),
      Buffer.from('HTTP/1.1 200 OK\r\nX-Name: Jos\xe9\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok', 'latin1'),
      Buffer.from('HTTP/1.1 700 What\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
    ];
    const sent: unknown[] = [];
    const control = await upstream((request) => {
      sent.push(request.headers['x-sent']);
      request.socket.end(answers.shift() ?? '');
    });
    const url = await router({ control, candidate: control }, 0);
    const bytes = Buffer.from(utf8).toString('latin1');
    const question = { headers: { 'x-sent': bytes }, body: Buffer.from('{}') };
    expect((await ask(url, question)).headers['x-name']).toBe(bytes);
    expect((await ask(url, question)).headers['x-name']).toBe('Jos\u00e9');
    expect(sent).toEqual([bytes, bytes]);
    expect((await ask(url, question)).status).toBe(700);
    const ends = (await routed(3)).map(({ outcome, status }) => [outcome, status]);
    expect(ends.sort()).toEqual([
      ['delivered', 200],
      ['delivered', 200],
      ['server-error', null],
    ]);
  });

  it('names its unit in UTF-8', async () => {
    const [control] = await named('control');
    const url = await router({ control, candidate: control }, 500_000);
    // With a body of text Node.js would send the head in UTF-8 as well.
    const body = Buffer.from('{}');
    const { headers } = await ask(url, { unit: Buffer.from('zoë-猫').toString('latin1'), body });
    expect(decodeAssignment(String(headers[ASSIGNMENT_HEADER])).unit).toBe('zoë-猫');
    const notUtf8 = await ask(url, { unit: 'zo\u00eb', body });
    expect(decodeAssignment(String(notUtf8.headers[ASSIGNMENT_HEADER])).unit).toBe('zoë');
  });

  it('without a name keeps its variant by a signed cookie, where there is a key', async () => {
    const control = await upstream((_request, response) => {
      response.setHeader('set-cookie', 'own=1');
      response.end('x');
    });
    const url = await router({ control, candidate: control }, 500_000, { cookieKey: 'a-key-of-sixteen-characters' });
    const first = await ask(url, { unit: null });
    const [own, cookie] = first.headers['set-cookie'] as string[];
    expect(own).toBe('own=1');
    const { unit } = decodeAssignment(String(first.headers[ASSIGNMENT_HEADER]));
    const again = await ask(url, { unit: null, headers: { cookie: String(cookie).split(';', 1)[0] as string } });
    expect(decodeAssignment(String(again.headers[ASSIGNMENT_HEADER])).unit).toBe(unit);
    expect(again.headers['set-cookie']).toEqual(['own=1']);
    expect((await ask(url, { unit: 'anna' })).headers['set-cookie']).toEqual(['own=1']);
    const forged = await ask(url, { unit: null, headers: { cookie: `teststrip-unit=${unit}.AAAA` } });
    expect(decodeAssignment(String(forged.headers[ASSIGNMENT_HEADER])).unit).not.toBe(unit);
    const without = await router({ control, candidate: control }, 500_000);
    expect((await ask(without, { unit: null })).headers['set-cookie']).toEqual(['own=1']);
  });

  it('can’t choose its variant by choosing its name, nor by what it says of itself, where proxies alone may name units', async () => {
    const [control] = await named('control');
    const who = { unit: 'anna', headers: { 'teststrip-attributes': 'plan=pro', 'teststrip-session': 'session-1' } };
    const unitAt = async (settings: Partial<RouterOptions>) => {
      const url = await router({ control, candidate: control }, 500_000, { ...settings, unitsNamedBy: 'proxies' });
      const { headers } = await ask(url, who);
      const { unit } = decodeAssignment(String(headers[ASSIGNMENT_HEADER]));
      return unit === headers['teststrip-request-id'] ? 'the request' : unit;
    };
    const elsewhere = [{ address: '192.0.2.0', bits: 24 }];
    expect(await unitAt({ trustedProxies: elsewhere })).toBe('the request');
    expect(await unitAt({ trustedProxies: elsewhere, cookieKey: 'a-key-of-sixteen-characters' })).toMatch(
      /^[0-9a-f-]{36}$/,
    );
    expect(await unitAt({ trustedProxies: [{ address: '127.0.0.1', bits: 32 }] })).toBe('anna');
  });
});

describe('a stream', () => {
  it('may take as long as it likes while something comes', async () => {
    const control = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(`data: ${sent}\n\n`);
        sent += 1;
        if (sent < 8) return;
        clearInterval(timer);
        response.end('data: [DONE]\n\n');
      }, 60);
    });
    const url = await router({ control, candidate: control }, 0, { limits: { timeoutMs: 300, idleMs: 300 } });
    const answer = await ask(url, {});
    expect(answer.body.match(/data/g)).toHaveLength(9);
    const [event] = await routed(1);
    expect(event).toMatchObject({ outcome: 'delivered' });
    expect(event?.durationMs).toBeGreaterThan(400);
  });

  it('is broken off when nothing comes, and counts as timed out', async () => {
    const control = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 0\n\n');
    });
    const url = await router({ control, candidate: control }, 0, { limits: { idleMs: 80 } });
    await expect(ask(url, {})).rejects.toThrow(/aborted|hang up/);
    expect(await routed(1)).toMatchObject([{ outcome: 'timed-out', status: 200, durationMs: null }]);
  });

  it.each(['its answer', 'the next piece of it'])(
    'is not broken off when %s had come while the router stood still',
    async (which) => {
      const control = await upstream((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const stopAfter = (text: string): void => {
          response.write(text);
          setImmediate(() => standStill(400));
        };
        if (which === 'its answer') stopAfter('data: 0\n\n');
        else {
          response.write('data: 0\n\n');
          setTimeout(() => stopAfter('data: 1\n\n'), 50);
        }
        setTimeout(() => response.end('data: [DONE]\n\n'), 100);
      });
      const url = await router({ control, candidate: control }, 0, { limits: { timeoutMs: 200, idleMs: 200 } });
      expect((await ask(url, {})).body).toMatch(/DONE/);
      expect(await routed(1)).toMatchObject([{ outcome: 'delivered', status: 200 }]);
    },
  );

  it('has its head passed on before its first byte', async () => {
    const endings: (() => void)[] = [];
    const control = await upstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      endings.push(() => void response.end('data: x\n\n'));
    });
    const url = await router({ control, candidate: control }, 0);
    const answer = await open(url, {});
    expect(answer.statusCode).toBe(200);
    endings.pop()?.();
    expect(await textOf(answer)).toBe('data: x\n\n');
  });
});

describe('a slow client', () => {
  const MEGABYTES = 8 * 2 ** 20;

  it('that does not read is not charged to the variant', async () => {
    const control = await upstream((_request, response) => response.end(Buffer.alloc(MEGABYTES)));
    const url = await router({ control, candidate: control }, 0, { limits: { idleMs: 100 } });
    const answer = await open(url, {});
    answer.pause();
    expect(await routed(1)).toMatchObject([{ outcome: 'cancelled', status: 200, durationMs: null }]);
    answer.destroy();
  });

  it('that does not read gives its connection up where somebody waits for one, and no variant is charged for the waiting', async () => {
    const control = await upstream((request, response) => {
      response.end(request.url?.endsWith('large') === true ? Buffer.alloc(4 * MEGABYTES) : 'x');
    });
    const url = await router({ control, candidate: control }, 0, { limits: { connections: 3, queue: 3 } });
    const post = `POST ${url.pathname}/large HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`;
    for (let greedy = 0; greedy < 4; greedy += 1) (await spoken(url, post)).pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const askedAtMs = performance.now();
    expect((await ask(url, {})).body).toBe('x');
    const tookMs = performance.now() - askedAtMs;
    expect(tookMs).toBeGreaterThan(500);
    await expect.poll(events).toContainEqual(expect.objectContaining({ outcome: 'delivered' }));
    const seen = await events();
    expect(seen.filter(({ outcome }) => outcome !== 'cancelled')).toMatchObject([{ outcome: 'delivered' }]);
    expect(seen.find(({ outcome }) => outcome === 'delivered')?.durationMs).toBeLessThan(tookMs - 400);
  });

  it('has no answer kept for it: forty of them take no memory', async () => {
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    const control = await upstream((_request, response) => {
      let left = 1_000;
      const write = (): void => {
        while (left > 0) {
          left -= 1;
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    });
    const url = await router({ control, candidate: control }, 0);
    const before = process.memoryUsage().arrayBuffers;
    for (let slow = 0; slow < 40; slow += 1) {
      (await spoken(url, `GET ${url.pathname} HTTP/1.1\r\nHost: x\r\n\r\n`)).pause();
    }
    let last = -1;
    await expect.poll(() => last === (last = written), { interval: 200, timeout: 20_000 }).toBe(true);
    expect(written).toBeGreaterThan(40 * 65_536);
    // Of 2.6 GB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 2 ** 20);
  });

  it('may have so many requests under way as the configuration says; those beyond are nobody’s evidence', async () => {
    const waiting: ServerResponse[] = [];
    const control = await upstream((_request, response) => waiting.push(response));
    const trustedProxies = [{ address: '127.0.0.1', bits: 32 }];
    const url = await router({ control, candidate: control }, 0, { clientRequests: 2, trustedProxies });
    const of = (client: string) => ask(url, { headers: { 'x-forwarded-for': client } });
    const taken = [of('192.0.2.1'), of('192.0.2.1'), of('192.0.2.2')];
    await expect.poll(() => waiting.length).toBe(3);
    expect(await of('192.0.2.1')).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(await textUntil(await openSocket(url, { 'x-forwarded-for': '192.0.2.1' }), '}')).toMatch(/^HTTP\/1.1 429 /);
    for (const response of waiting.splice(0)) response.end('x');
    await Promise.all(taken);
    const next = of('192.0.2.1');
    await expect.poll(() => waiting.length).toBe(1);
    waiting.pop()?.end('x');
    expect((await next).status).toBe(200);
    expect((await routed(4)).every(({ outcome }) => outcome === 'delivered')).toBe(true);
  });

  it('that sends half a request is not charged either, small or large', async () => {
    const control = await upstream(echo);
    const url = await router({ control, candidate: control }, 0, { limits: { timeoutMs: 80 } });
    for (const length of [100, 200_000]) {
      const request = httpRequest(url, { method: 'POST', headers: { 'content-length': length, [UNIT_HEADER]: 'u' } });
      const answered = answerTo(request);
      request.write('half');
      expect((await answered).statusCode).toBe(408);
    }
    const outcomes = (await routed(2)).map(({ outcome, status }) => [outcome, status]);
    expect(outcomes).toEqual([
      ['cancelled', null],
      ['cancelled', null],
    ]);
  });

  it('is another thing than an upstream that does not read what is sent', async () => {
    const control = await upstream((request) => request.pause());
    const url = await router({ control, candidate: control }, 0, { limits: { timeoutMs: 150 } });
    const answer = await ask(url, { body: Buffer.alloc(MEGABYTES) });
    expect(answer.status).toBe(504);
    expect(await routed(1)).toMatchObject([{ outcome: 'timed-out', status: null }]);
  });
});

describe('an upload', () => {
  it('is answered early, while it is still under way', async () => {
    const control = await upstream((request, response) => {
      response.writeHead(413, { connection: 'close' });
      response.end('too big');
      setTimeout(() => request.socket.destroy(), 50);
    });
    const url = await router({ control, candidate: control }, 0);
    for (let times = 0; times < 3; times += 1) {
      expect(await ask(url, { body: Buffer.alloc(20_000_000) })).toMatchObject({ status: 413, body: 'too big' });
    }
    expect((await routed(3)).map(({ outcome, status }) => [outcome, status])).toEqual([
      ['caller-error', 413],
      ['caller-error', 413],
      ['caller-error', 413],
    ]);
  });

  it('that waits to be told is told when it is wanted, and not where the request is refused', async () => {
    const control = await upstream(echo);
    const url = await router({ control, candidate: control }, 0);
    expect(await told(url)).toEqual([true, 200]);
    expect(await told(new URL('/v1/services/nobody/x', url))).toEqual([false, 404]);
  });

  it('without a length streams', async () => {
    const control = await upstream(echo);
    const url = await router({ control, candidate: control }, 0);
    const request = httpRequest(url, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
    const answered = answerTo(request);
    request.write('in ');
    request.end('pieces');
    expect(await textOf(await answered)).toBe('in pieces');
  });
});

it('passes no flood of hints on', async () => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n';
  const control = await upstream((request) => {
    request.socket.write(`${hint.repeat(50)}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx`);
  });
  const url = await router({ control, candidate: control }, 0);
  const request = httpRequest(url);
  let hinted = 0;
  request.on('information', () => (hinted += 1));
  const answered = answerTo(request);
  request.end();
  expect(await textOf(await answered)).toBe('x');
  expect(hinted).toBe(16);
});

it.each(['GET', 'POST'])(
  'passes an answer to %s on whose hints are no links, without trying them for ever',
  async (method) => {
    const hint = `HTTP/1.1 103 Early Hints\r\nlink: <>;x${'=;>'.repeat(40)}"\r\n\r\n`;
    const control = await upstream((request) => {
      request.socket.write(`${hint}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx`);
    });
    const url = await router({ control, candidate: control }, 0);
    const request = httpRequest(url, { method });
    let hinted = 0;
    request.on('information', () => (hinted += 1));
    const answered = answerTo(request);
    request.end();
    expect([await textOf(await answered), hinted]).toEqual(['x', 0]);
  },
);

it('passes early hints on', async () => {
  const link = '</style.css>; rel=preload; as=style';
  const control = await upstream((_request, response) => {
    response.writeEarlyHints({ link }, () => response.end('picture'));
  });
  const url = await router({ control, candidate: control }, 0);
  const request = httpRequest(url, { method: 'GET' });
  const hinted = new Promise<IncomingHttpHeaders>((resolve) => {
    request.on('information', ({ headers }) => resolve(headers));
  });
  const answered = answerTo(request);
  request.end();
  expect(await hinted).toMatchObject({ link });
  expect(await textOf(await answered)).toBe('picture');
});

describe('an answer', () => {
  it('that says to go on although nobody asked is waited for', async () => {
    const control = await upstream((request) => {
      request.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      request.socket.write('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx');
    });
    const url = await router({ control, candidate: control }, 0);
    for (let times = 0; times < 2; times += 1) expect(await ask(url, {})).toMatchObject({ status: 200, body: 'x' });
    expect((await routed(2)).map(({ outcome }) => outcome)).toEqual(['delivered', 'delivered']);
  });

  it('without content is passed on without a body and a length; what stands there is no answer to the next request', async () => {
    let asked = 0;
    const control = await upstream((request) => {
      asked += 1;
      const body = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged';
      const head = `HTTP/1.1 204 No Content\r\ncontent-length: ${body.length}\r\n\r\n`;
      request.socket.write(asked % 2 === 1 ? head + body : 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nreal');
    });
    const url = await router({ control, candidate: control }, 0, { limits: { connections: 1 } });
    const get = `GET ${url.pathname} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const text = await textUntil(await spoken(url, get + get), 'real');
    expect(text).toMatch(/^HTTP\/1.1 204 No Content\r\n[^]*\r\n\r\nHTTP\/1.1 200 OK[^]*\r\n\r\nreal$/);
    expect(text).not.toMatch(/forged|content-length: 4\d/);
  });

  it('has its trailers passed on to who takes them', async () => {
    const control = await upstream((request, response) => {
      response.writeHead(200, { trailer: 'x-digest' });
      response.write(String(request.headers.te));
      response.addTrailers({ 'x-digest': 'abc', 'content-length': '1' });
      response.end();
    });
    const url = await router({ control, candidate: control }, 0);
    const asked = async (headers: Readonly<Record<string, string>>) => {
      const answer = await open(url, { method: 'GET', headers });
      return { body: await textOf(answer), trailer: answer.headers.trailer, trailers: answer.trailers };
    };
    const taking = { te: 'deflate, trailers', connection: 'te' };
    expect(await asked(taking)).toEqual({ body: 'trailers', trailer: 'x-digest', trailers: { 'x-digest': 'abc' } });
    expect(await asked({})).toEqual({ body: 'undefined', trailer: undefined, trailers: {} });
  });

  it('that breaks off, or is none, does not end the next one', async () => {
    const answers = ['HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n', 'what?\r\n\r\n', 'HTTP/1.1 101 Go\r\n\r\n'];
    const control = await upstream((request, response) => {
      const bad = answers.shift();
      if (bad === undefined) response.end('x');
      else request.socket.write(bad);
    });
    const url = await router({ control, candidate: control }, 0, { limits: { connections: 1 } });
    for (const status of [502, 502, 502, 200]) expect((await ask(url, {})).status).toBe(status);
  });
});

describe('a client that means harm', () => {
  const HANDSHAKE = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

  it('that breaks off a WebSocket that nobody serves ends nothing but its connection, and keeps no router from ending', async () => {
    const [control] = await named('control');
    const { url, close } = await startRouter({ upstreams: { 'text-to-image': control } });
    for (let times = 0; times < 3; times += 1) {
      const socket = await spoken(url, '');
      socket.write(`GET /nowhere HTTP/1.1\r\n${HANDSHAKE}`);
      socket.resetAndDestroy();
    }
    for (const path of ['/nowhere', '/health/live']) {
      const socket = await spoken(url, `GET ${path} HTTP/1.1\r\n${HANDSHAKE}`);
      expect(await textUntil(socket, '}')).toMatch(/^HTTP\/1.1 40/);
    }
    expect((await ask(url, {})).status).toBe(200);
    await close();
  });

  it('gets its pipelined answers in their order, also where one of its requests would like another protocol', async () => {
    const control = await upstream((request, response) => {
      const answer = (): unknown => response.end(`[${request.url?.at(-1)}]`);
      if (request.url?.endsWith('a')) setTimeout(answer, 60);
      else answer();
    });
    const url = await router({ control, candidate: control }, 0);
    const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
    const get = (name: string, more = '') => `GET ${url.pathname}/${name} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const socket = await spoken(url, get('a') + get('b', h2c) + get('c', h2c) + get('d') + get('e', h2c));
    const answers = await textUntil(socket, '[e]');
    expect(answers.match(/\[.\]/g)?.join('')).toBe('[a][b][c][d][e]');
  });

  it('can’t say whom it asks, or where its request ends, in two ways', async () => {
    let asked = 0;
    const control = await upstream((_request, response) => {
      asked += 1;
      response.end('x');
    });
    const url = await router({ control, candidate: control }, 0);
    const refused: readonly (readonly [string, number])[] = [
      ['HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n', 400],
      ['HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n', 400],
      ['HTTP/1.1\r\nHost: x/y@z\r\n\r\n', 400],
      ['HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501],
      ['HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
      ['HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
      ['HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nHost: y\r\n\r\n', 400],
    ];
    for (const [head, status] of refused) {
      const method = head.includes('Upgrade') ? 'GET' : 'POST';
      const socket = await spoken(url, `${method} ${url.pathname} ${head}`);
      expect(await textUntil(socket, '\r\n\r\n'), head).toMatch(
        new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, 'i'),
      );
    }
    expect(asked).toBe(0);
  });

  it('can’t say who it is in the name of a proxy, unless it is one that is trusted', async () => {
    const control = await upstream((request, response) => response.end(JSON.stringify(request.headers)));
    const said = {
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'bank.example',
      'x-forwarded-user': 'admin',
      'x-real-ip': '1.2.3.4',
      forwarded: 'for=1.2.3.4',
    };
    const settings = { cookieKey: 'a-key-of-sixteen-characters' };
    const strange = await router({ control, candidate: control }, 0, settings);
    const asked = await ask(strange, { headers: said, unit: null });
    const own = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': strange.host };
    const headers = JSON.parse(asked.body) as Record<string, string>;
    expect(headers).toMatchObject(own);
    for (const name of ['x-forwarded-user', 'x-real-ip', 'forwarded']) expect(headers).not.toHaveProperty(name);
    expect(String(asked.headers['set-cookie'])).not.toContain('Secure');

    const trustedProxies = [{ address: '127.0.0.0', bits: 8 }];
    const trusting = await router({ control, candidate: control }, 0, { ...settings, trustedProxies });
    const trusted = await ask(trusting, { headers: said, unit: null });
    expect(JSON.parse(trusted.body)).toMatchObject({
      ...said,
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      forwarded: 'for=1.2.3.4, for=127.0.0.1',
    });
    expect(String(trusted.headers['set-cookie'])).toContain('Secure');
  });

  it('is not told where an upstream is: the log is', async () => {
    const log: string[] = [];
    const logger = { log: () => undefined, warn: (message: string) => log.push(message) };
    const silent = await upstream(() => undefined);
    const [dead, hanging] = [await deadUrl(), silent];
    const limits = { timeoutMs: 80, connections: 1, queue: 0 };
    const { url } = await startRouter({ upstreams: { 'text-to-image': dead, hanging }, limits, logger });
    const answers = [await ask(url, {}), await ask(new URL('/v1/services/hanging/x', url), {})];
    const late = open(new URL('/v1/services/hanging/x', url), {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    answers.push(await ask(new URL('/v1/services/hanging/x', url), {}));
    await late;
    expect(answers.map(({ status }) => status)).toEqual([502, 504, 503]);
    const socket = await textUntil(await openSocket(url), '}');
    const told = [...answers.map(({ body }) => body), socket].join('\n');
    for (const address of [dead, hanging]) {
      expect(told).not.toContain(new URL(address).port);
      expect(log.some((line) => line.startsWith(address))).toBe(true);
    }
  });

  it('can’t lead a WebSocket to another host', async () => {
    let asked = 0;
    const other = await upstream((_request, response) => {
      asked += 1;
      response.end('other');
    });
    const [control] = await named('control');
    const routes = [{ service: 'text-to-image', path: '/' }];
    const { url } = await startRouter({ upstreams: { 'text-to-image': control }, routes });
    for (const path of [`//${new URL(other).host}/x`, `/\\${new URL(other).host}/x`, '//[']) {
      const socket = await spoken(url, `GET ${path} HTTP/1.1\r\n${HANDSHAKE}`);
      expect(await textUntil(socket, 'control')).toMatch(/control$/);
    }
    expect(asked).toBe(0);
  });

  it('sends no body with a WebSocket: it is read as any request', async () => {
    const control = await upstream(echo);
    const url = await router({ control, candidate: control }, 0);
    const socket = await spoken(url, `POST ${url.pathname} HTTP/1.1\r\nContent-Length: 5\r\n${HANDSHAKE}hello`);
    expect(await textUntil(socket, 'hello')).toMatch(/^HTTP\/1.1 200 /);
  });

  it('has a minute for the head of a request', () => {
    expect(Reflect.get(new Router(bus, { port: 0 }), 'server')).toMatchObject({
      headersTimeout: 60_000,
      requestTimeout: 0,
    });
  });

  it('may send on behind its answer, not for ever', async () => {
    const [control] = await named('control');
    const url = await router({ control, candidate: control }, 0, { limits: { idleMs: 80 } });
    const socket = await spoken(url, 'POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
    const dripping = setInterval(() => socket.write('1\r\nx\r\n'), 10);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(dripping);
  });

  it('is routed by the host of a whole address, and not out of its service by any spelling of dots', async () => {
    const [first, second] = await named('first', 'second');
    const routes = ['first', 'second'].map((service) => ({ service, host: `${service}.example`, path: '/' }));
    const { url } = await startRouter({ upstreams: { first, second }, routes });
    const head = 'HTTP/1.1\r\nHost: second.example\r\n\r\n';
    expect(await textUntil(await spoken(url, `GET http://first.example/x ${head}`), 'first')).toMatch(/first$/);
    for (const path of ['/a%2f..%2fb', '/a\\..\\b', '/a%5C%2e%2E', '/..;/b', '/..#b']) {
      expect(await textUntil(await spoken(url, `GET ${path} ${head}`), '}')).toMatch(/^HTTP\/1.1 400 /);
    }
    expect(await textUntil(await spoken(url, `GET /x?file=/../y ${head}`), 'second')).toMatch(/second$/);
  });
});

describe('a WebSocket', () => {
  it('that is refused in half an answer, or in silence, ends; what routers say of it no upstream says', async () => {
    const control = await upstream((request, response) => {
      response.writeHead(200, { 'content-length': 100, [ASSIGNMENT_HEADER]: 'forged' });
      response.write('half');
      if (request.headers['x-drop'] !== undefined) setTimeout(() => request.socket.destroy(), 20);
    });
    const settings = { limits: { timeoutMs: 100 }, cookieKey: 'a-key-of-sixteen-characters' };
    const url = await router({ control, candidate: control }, 0, settings);
    for (const name of ['x-drop', 'x-silent']) {
      const socket = await openSocket(url, { [name]: '1' });
      const text = await textUntil(socket, 'half');
      expect(text).not.toContain('forged');
      expect(text).toMatch(/set-cookie: teststrip-unit=/);
      await new Promise((resolve) => socket.once('close', resolve));
    }
  });

  it('is piped to the variant of its unit, both ways', async () => {
    const control = await echoSocket('control');
    const candidate = await echoSocket('candidate');
    const url = await router({ control, candidate }, 500_000);
    for (const unit of ['user-1', 'user-2', 'user-3', 'user-4', 'user-5']) {
      const { body } = await ask(url, { unit });
      const socket = await openSocket(url, { [UNIT_HEADER]: unit });
      expect(await textUntil(socket, 'hello')).toMatch(/^HTTP\/1.1 101 [^]*x-variant: \w+/i);
      socket.write('ping');
      expect(await textUntil(socket, 'ping')).toBe(`${body}:ping`);
      socket.destroy();
    }
  });

  it('that is refused gets the answer as it is, and one that nobody can take says why', async () => {
    const [control] = await named('control');
    const url = await router({ control, candidate: control }, 0);
    expect(await textUntil(await openSocket(url), 'control')).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*control$/);
    const dead = await router({ control: await deadUrl(), candidate: await deadUrl() }, 0);
    expect(await textUntil(await openSocket(dead), '}')).toMatch(/^HTTP\/1.1 502 [^]*ECONNREFUSED/);
    expect(await textUntil(await openSocket(new URL('/v1/services/nobody/x', url)), '}')).toMatch(/^HTTP\/1.1 404 /);
  });

  it('goes to control where the candidate has no connection', async () => {
    const url = await router({ control: await echoSocket('control'), candidate: await deadUrl() }, 1_000_000);
    expect(await textUntil(await openSocket(url), 'hello')).toContain('X-Variant: control');
  });

  it('is another thing than a request that would like HTTP/2', async () => {
    const control = await upstream(echo);
    const url = await router({ control, candidate: control }, 0);
    const socket = connect(Number(url.port), url.hostname);
    socket.write(
      `POST ${url.pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n\r\nhello`,
    );
    expect(await textUntil(socket, 'hello')).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    socket.destroy();
  });
});

describe('the places of a variant', () => {
  it('are its own: a candidate that hangs takes none of control, and what it can not take goes to control', async () => {
    let hanging = 0;
    const shared = await upstream((request, response) => {
      const { variant } = decodeAssignment(String(request.headers[ASSIGNMENT_HEADER]));
      if (variant === 'control') response.end('control');
      else hanging += 1;
    });
    const overrideToken = 'a-token-of-sixteen-characters';
    const url = await router({ control: shared, candidate: shared }, 500_000, {
      limits: { connections: 2, queue: 0 },
      overrideToken,
    });
    const of = (variant: string) => ({ 'teststrip-override': variant, 'teststrip-override-token': overrideToken });
    for (let index = 0; index < 2; index += 1) void ask(url, { headers: of('candidate') }).catch(() => undefined);
    await expect.poll(() => hanging).toBe(2);
    for (let index = 0; index < 5; index += 1) {
      expect(await ask(url, { headers: of('candidate') })).toMatchObject({ status: 200, body: 'control' });
    }
    expect((await routed(10)).map((event) => `${variantOf(event)} ${event.outcome}`).sort()).toEqual([
      ...Array.from({ length: 5 }, () => 'candidate refused'),
      ...Array.from({ length: 5 }, () => 'control delivered'),
    ]);
    for (let index = 0; index < 10; index += 1) {
      expect(await ask(url, { headers: of('control') })).toMatchObject({ status: 200, body: 'control' });
    }
  });

  it('of control are not more than they are: what comes beyond is told to come again', async () => {
    const waiting: ServerResponse[] = [];
    const control = await upstream((_request, response) => waiting.push(response));
    const url = await router({ control, candidate: control }, 0, { limits: { connections: 1, queue: 1 } });
    const taken = [ask(url, {}), ask(url, {})];
    await expect.poll(() => waiting.length).toBe(1);
    const shed = await ask(url, {});
    expect(shed).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    for (let index = 0; index < 2; index += 1) {
      await expect.poll(() => waiting.length).toBe(1);
      waiting.pop()?.end('x');
      await taken[index];
    }
    expect((await routed(3)).map(({ outcome }) => outcome).sort()).toEqual(['delivered', 'delivered', 'refused']);
  });

  it('are free again as soon as their clients have left', async () => {
    const waiting: ServerResponse[] = [];
    const control = await upstream((_request, response) => waiting.push(response));
    const url = await router({ control, candidate: control }, 0, { limits: { connections: 1, queue: 2 } });
    const taken = ask(url, {});
    await expect.poll(() => waiting.length).toBe(1);
    for (let left = 1; left <= 4; left += 1) {
      const request = httpRequest(url, { method: 'POST', headers: { 'content-length': 2 } });
      request.on('error', () => undefined);
      request.end('{}');
      await new Promise((resolve) => setTimeout(resolve, 50));
      request.destroy();
      await routed(left);
    }
    const next = ask(url, {});
    waiting.pop()?.end('x');
    expect((await taken).status).toBe(200);
    await expect.poll(() => waiting.length).toBe(1);
    waiting.pop()?.end('x');
    expect((await next).status).toBe(200);
  });
});

describe('an upstream without connection', () => {
  it('of the candidate is left alone after a few failures, which count against it; control serves its requests', async () => {
    const [control] = await named('control');
    const candidate = await deadUrl();
    const url = await router({ control, candidate }, 1_000_000, {
      limits: { ejection: { failures: 3, forMs: 60_000, longestMs: 60_000 } },
    });
    for (let index = 0; index < 40; index += 1) {
      const answer = await ask(url, { unit: `user-${index}` });
      expect(answer).toMatchObject({ status: 200, body: 'control' });
      expect(decodeAssignment(String(answer.headers[ASSIGNMENT_HEADER])).reason).toBe('FALLBACK');
    }
    const fallbacks = async () => (await events()).filter(({ assignment }) => assignment?.reason === 'FALLBACK').length;
    await expect.poll(fallbacks).toBe(40);
    const seen = await events();
    const failed = seen.filter((event) => variantOf(event) === 'candidate');
    expect(failed.every(({ outcome, status }) => outcome === 'server-error' && status === null)).toBe(true);
    // Three that were tried, and ten a second of those that were not.
    expect(failed.length).toBeGreaterThanOrEqual(13);
    expect(failed.length).toBeLessThan(40);
  });

  it('of control is replaced by a candidate that has a share, for what may be repeated and nothing else', async () => {
    const [candidate] = await named('candidate');
    const control = await deadUrl();
    const url = await router({ control, candidate }, 1);
    const statusOf = async (question: Question): Promise<number> => (await ask(url, question)).status;
    expect(await ask(url, { method: 'GET' })).toMatchObject({ status: 200, body: 'candidate' });
    expect(await statusOf({ headers: { 'idempotency-key': 'k' } })).toBe(200);
    expect(await statusOf({})).toBe(502);
    expect(await statusOf({ method: 'PUT', body: 'x' })).toBe(502);
    const without = await router({ control, candidate }, 0);
    expect((await ask(without, { method: 'GET' })).status).toBe(502);
  });

  it('is not asked twice where it has had the request, unless that may be repeated', async () => {
    let asked = 0;
    const candidate = await upstream((request) => {
      asked += 1;
      request.socket.destroy();
    });
    const [control] = await named('control');
    const url = await router({ control, candidate }, 1_000_000);
    expect((await ask(url, {})).status).toBe(502);
    expect((await ask(url, { method: 'GET' })).body).toBe('control');
    expect((await ask(url, { headers: { 'idempotency-key': 'k' } })).body).toBe('control');
    expect(asked).toBe(3);
  });
});

describe('a job', () => {
  it('is found at the variant that made it, wherever who asks belongs now', async () => {
    const [control, candidate] = [await jobs('control', '/job-1'), await jobs('candidate', '/job-2')];
    const url = await router({ control, candidate }, 500_000);
    for (const unit of ['user-1', 'user-2', 'user-3', 'user-4']) {
      expect((await ask(url, { method: 'GET', unit, path: '/job-1' })).body).toBe('control');
      expect((await ask(url, { method: 'GET', unit, path: '/job-2' })).body).toBe('candidate');
      expect((await ask(url, { method: 'GET', unit, path: '/job-3' })).status).toBe(404);
      expect((await ask(url, { method: 'POST', unit, path: '/job-3' })).status).toBe(404);
    }
    expect(await routed(4)).toHaveLength(4);
  });

  it('of a candidate without a share is not served', async () => {
    const [control, candidate] = [await jobs('control', '/job-1'), await jobs('candidate', '/job-2')];
    const url = await router({ control, candidate }, 0);
    expect((await ask(url, { method: 'GET', path: '/job-2' })).status).toBe(404);
  });
});

it('keeps every cookie of an answer while it ends', async () => {
  const endings: (() => void)[] = [];
  const control = await upstream(
    (_request, response) =>
      endings.push(() => void response.end('x')) && response.setHeader('set-cookie', ['a=1', 'b=2']),
  );
  const { url, close } = await startRouter({ upstreams: { 'text-to-image': control } });
  const first = open(url, {});
  await expect.poll(() => endings.length).toBe(1);
  const socket = connect(Number(url.port), url.hostname);
  closing.push(() => socket.destroy());
  socket.write(`GET ${url.pathname} HTTP/1.1\r\nHo`);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const closed = close();
  socket.write('st: x\r\n\r\n');
  await expect.poll(() => endings.length).toBe(2);
  endings[1]?.();
  expect(await textUntil(socket, '\r\n\r\nx')).toMatch(
    /connection: close[^]*a=1[^]*b=2|a=1[^]*b=2[^]*connection: close/i,
  );
  endings[0]?.();
  await first;
  await closed;
});

it('ends in order: says that it is not ready, takes nothing new, lets what is under way end, and closes sockets', async () => {
  const endings: (() => void)[] = [];
  const control = await upstream((_request, response) => {
    response.writeHead(200);
    response.write('begin ');
    endings.push(() => void response.end('end'));
  });
  const { url, close } = await startRouter({ upstreams: { 'text-to-image': control, echo: await echoSocket('echo') } });
  const socket = await openSocket(new URL('/v1/services/echo/ws', url));
  await textUntil(socket, 'hello');
  const stream = await open(url, {});
  const closed = close();
  await expect
    .poll(() =>
      fetch(new URL('/health/ready', url)).then(
        ({ status }) => status,
        () => 'refused',
      ),
    )
    .toBe('refused');
  endings.pop()?.();
  expect(await textOf(stream)).toBe('begin end');
  await closed;
  expect(socket.destroyed || (await new Promise((resolve) => socket.once('close', resolve))) !== undefined).toBe(true);
});

/** Whether the client was told to send its body, and the answer's status. */
const told = async (at: URL): Promise<[boolean, number | undefined]> => {
  const headers = { expect: '100-continue', 'content-length': 5 };
  const request = httpRequest(at, { method: 'POST', headers });
  const answered = answerTo(request);
  let wasTold = false;
  request.on('continue', () => {
    wasTold = true;
    request.end('hello');
  });
  request.flushHeaders();
  const answer = await answered;
  request.destroy();
  return [wasTold, answer.statusCode];
};

/** Knows one job. */
const jobs = (name: string, known: string) =>
  upstream((request, response) => {
    response.statusCode = request.url?.endsWith(known) === true ? 200 : 404;
    response.end(name);
  });

const echo: Handler = (request, response) => {
  void textOf(request).then(
    (body) => response.end(body),
    () => undefined,
  );
};

interface Question {
  readonly method?: string;
  readonly path?: string;
  /** null: the client has no name. */
  readonly unit?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
}

function open(url: URL, question: Question): Promise<IncomingMessage> {
  const {
    method = 'POST',
    path = '',
    unit = 'user-1',
    headers = {},
    body = method === 'POST' ? '{}' : undefined,
  } = question;
  const asked: RequestOptions = {
    method,
    headers: {
      ...(unit === null ? {} : { [UNIT_HEADER]: unit }),
      ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...headers,
    },
  };
  const request = httpRequest(new URL(`${url.pathname}${path}`, url), asked);
  const answered = answerTo(request);
  request.end(body);
  return answered;
}

function answerTo(request: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
  });
}

async function ask(url: URL, question: Question) {
  const answer = await open(url, question);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await textOf(answer) };
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function openSocket(
  url: URL,
  headers: Readonly<Record<string, string>> = { [UNIT_HEADER]: 'user-1' },
): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  closing.push(() => socket.destroy());
  socket.on('error', () => undefined);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `GET ${url.pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${lines.join('')}\r\n`,
  );
  return socket;
}

async function spoken(url: URL, text: string): Promise<Socket> {
  const socket = connect({ port: Number(url.port), host: url.hostname, allowHalfOpen: true });
  closing.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  if (text !== '') socket.write(text);
  return socket;
}

function textUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.includes(end)) return;
      socket.off('data', take);
      resolve(text);
    };
    socket.on('data', take);
  });
}

/** Answers requests with its name, and what comes over a socket with its name before it. */
async function echoSocket(name: string): Promise<string> {
  return upstream(
    (_request, response) => response.end(name),
    (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Variant: ${name}\r\n\r\n`,
      );
      socket.write('hello');
      socket.on('data', (chunk: Buffer) => socket.write(`${name}:${chunk.toString()}`));
      socket.on('error', () => request.destroy());
    },
  );
}

async function named<Names extends string[]>(...names: Names): Promise<{ [Index in keyof Names]: string }> {
  const urls = names.map((name) => upstream((_request, response) => response.end(name)));
  return (await Promise.all(urls)) as { [Index in keyof Names]: string };
}

async function deadUrl(): Promise<string> {
  const url = await upstream(() => undefined);
  await closing.pop()?.();
  return url;
}

async function upstream(
  handler: Handler,
  onUpgrade?: (request: IncomingMessage, socket: Socket) => void,
): Promise<string> {
  const server = createServer(handler);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  if (onUpgrade) server.on('upgrade', onUpgrade);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** @returns where the service is asked. @param candidatePpm null: there is no experiment */
async function router(
  upstreams: { readonly control: string; readonly candidate: string },
  candidatePpm: number | null,
  settings: Partial<RouterOptions> = {},
): Promise<URL> {
  if (candidatePpm !== null) await experiment(upstreams, candidatePpm);
  const { url } = await startRouter({ upstreams: { 'text-to-image': upstreams.control }, ...settings });
  return url;
}

async function startRouter(settings: Partial<RouterOptions>) {
  const { exposed, close } = await startApp(routerApp, {
    environment: { AUTH: 'off' },
    resources: { bus },
    settings: { port: 0, routerId: undefined, lastKnownGoodFile: undefined, drainMs: 300, readsWhole, ...settings },
  });
  closing.push(() => close());
  return { url: new URL('/v1/services/text-to-image/generations', exposed.url), close: () => close() };
}

let epoch = 0;

async function experiment(
  { control, candidate }: { readonly control: string; readonly candidate: string },
  candidatePpm: number,
): Promise<void> {
  epoch += 1;
  const config = { checkpoint: 'c', sampler: 's', steps: 1, precision: 'fp16' };
  const variants = { control: { upstream: control, config }, candidate: { upstream: candidate, config } };
  const canary = runningCanary(candidatePpm, {
    key: `experiment-${epoch}`,
    spec: { variants, onLostController: 'hold' },
    order: { epoch, baseline: { upstream: control, fingerprint: 'a' } },
  });
  await bus.publish(canary.map(encodeEvent));
}

async function events(): Promise<readonly RequestRouted[]> {
  const records = await bus.readAll('request.routed.v1');
  return records.map((record) => decodeEvent(record).data as RequestRouted);
}

/** Once there are so many, and no more than that. */
async function routed(count: number): Promise<readonly RequestRouted[]> {
  await expect.poll(async () => (await events()).length, { timeout: 5_000 }).toBe(count);
  return events();
}

function variantOf({ assignment }: RequestRouted): string | undefined {
  return assignment?.variant;
}

/** Of the whole process, the router with it. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
