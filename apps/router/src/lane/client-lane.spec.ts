import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { rawClient } from '../test/byte-for-byte.js';
import { ClientLane } from './client-lane.js';

let closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.toReversed()) close();
  closing = [];
});

const BODY = '{"context":{"targetingKey":"anna"}}';
const LINE = 'POST /ofrep/v1/evaluate/flags/images HTTP/1.1';
const HOST = 'Host: flags.example.com:8080';
const LENGTH = `content-length: ${BODY.length}`;

function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const USUAL = `${head(LINE, HOST, 'Content-Type: application/json', 'User-Agent: curl/8', LENGTH)}${BODY}`;

/** A server that says what it was asked, and a lane that says what it was. */
async function start(): Promise<{ readonly server: Server; readonly lane: ClientLane; readonly port: number }> {
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => response.end(`server ${request.method} ${request.url} ${text}`));
  });
  const lane = new ClientLane({
    server,
    flagHeaders: { 'access-control-allow-origin': '*' },
    pass: () => false,
    flags: ({ key = 'all', ifNoneMatch }, text) =>
      key === 'unready' ? undefined : { status: 200, body: { lane: key, text, ifNoneMatch }, headers: { etag: '"a"' } },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    lane.close();
    server.closeAllConnections();
    server.close();
  });
  return { server, lane, port: (server.address() as AddressInfo).port };
}

const speak = (port: number, text = '') => rawClient(port, text, (close) => closing.push(close));

async function answerTo(port: number, request: string): Promise<string> {
  const { said } = speak(port, request);
  await expect.poll(said).toMatch(/\r\n\r\n/);
  return said();
}

describe('a request for flags that comes whole', () => {
  it.each([
    ['as SDKs send it', USUAL],
    ['with other headers', `${head(LINE, HOST, LENGTH, 'traceparent: 00-1-2-01', 'Connection: Keep-Alive')}${BODY}`],
    ['without a body, which is told its fault', head(LINE, HOST, 'Content-Length: 0')],
  ])('is answered at once: %s', async (_what, request) => {
    const { port } = await start();
    const answer = await answerTo(port, request);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\naccess-control-allow-origin: \*\r\nConnection: keep-alive\r\n/);
    expect(answer).toMatch(/\r\nDate: \w{3}, .* GMT\r\n/);
    const [, length, body = ''] = /content-length: (\d+)\r\n\r\n(.*)$/.exec(answer) ?? [];
    expect(Buffer.byteLength(body)).toBe(Number(length));
    expect(JSON.parse(body)).toMatchObject({ lane: 'images' });
  });

  it('may be for all of them, with the tag that is kept', async () => {
    const { port } = await start();
    const request = `${head(LINE.replace('/images', ''), HOST, LENGTH, 'If-None-Match: W/"a", "b"')}${BODY}`;
    const answer = await answerTo(port, request);
    expect(answer).toContain('\r\netag: "a"\r\n');
    expect(answer).toContain(JSON.stringify({ lane: 'all', text: BODY, ifNoneMatch: 'W/"a", "b"' }));
  });

  it.each([
    ['another path', `${head(LINE.replace('flags/images', 'flags/'), HOST, LENGTH)}${BODY}`],
    ['a path of another service', `${head('POST /v1/services/images/x HTTP/1.1', HOST, LENGTH)}${BODY}`],
    ['a tag twice', `${head(LINE, HOST, LENGTH, 'If-None-Match: "a"', 'If-None-Match: "b"')}${BODY}`],
    ['a name that has to be decoded', `${head(LINE.replace('images', 'im%61ges'), HOST, LENGTH)}${BODY}`],
    ['a query', `${head(LINE.replace('images', 'images?a=1'), HOST, LENGTH)}${BODY}`],
    ['dot segments', `${head(LINE.replace('images', '../../x'), HOST, LENGTH)}${BODY}`],
    ['HTTP/1.0', `${head(LINE.replace('1.1', '1.0'), HOST, LENGTH)}${BODY}`],
    ['an end of the connection', `${head(LINE, HOST, LENGTH, 'Connection: close')}${BODY}`],
    ['no host', `${head(LINE, LENGTH)}${BODY}`],
    ['two hosts', `${head(LINE, HOST, 'Host: other', LENGTH)}${BODY}`],
    ['a host with a path', `${head(LINE, 'Host: a/b', LENGTH)}${BODY}`],
    ['no length', head(LINE, HOST)],
    ['a length twice', `${head(LINE, HOST, LENGTH, LENGTH)}${BODY}`],
    ['a length with a sign', `${head(LINE, HOST, `content-length: +${BODY.length}`)}${BODY}`],
    ['a length and chunks', `${head(LINE, HOST, LENGTH, 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    ['a packed body', `${head(LINE, HOST, LENGTH, 'Content-Encoding: gzip')}${BODY}`],
    ['a body that waits to be asked for', `${head(LINE, HOST, LENGTH, 'Expect: 100-continue')}${BODY}`],
    ['another protocol', `${head(LINE, HOST, LENGTH, 'Connection: Upgrade', 'Upgrade: h2c')}${BODY}`],
    ['a variant by name', `${head(LINE, HOST, LENGTH, 'Teststrip-Override: candidate')}${BODY}`],
    ['a header over two lines', `${head(LINE, HOST, LENGTH, 'a: b', ' c')}${BODY}`],
    ['a blank before the colon', `${head(LINE, HOST, LENGTH, 'a : b')}${BODY}`],
    ['a name with an underscore', `${head(LINE, HOST, LENGTH, 'content_length: 5')}${BODY}`],
    ['a value that is no ASCII', `${head(LINE, HOST, LENGTH, 'a: \xe9')}${BODY}`],
    ['a bare line feed', `${head(LINE, HOST, `a: b\nHost: other`, LENGTH)}${BODY}`],
    ['a NUL', `${head(LINE, HOST, 'a: b\0c', LENGTH)}${BODY}`],
    ['a second request behind it', `${USUAL}${USUAL}`],
    ['less than it says', `${head(LINE, HOST, 'Content-Length: 3')}${BODY}`],
    ['a service that can’t be asked now', USUAL.replace('images', 'unready')],
  ])('goes to the server as it is: %s', async (_what, request) => {
    const { port } = await start();
    const answer = await answerTo(port, request);
    expect(answer).not.toContain('"lane"');
    // Whatever the server makes of it: an answer, or that it is none.
    expect(answer).toMatch(/^HTTP\/1\.1 (?:100|400|200 OK\r\n[\s\S]*server POST )/);
  });

  it('in pieces goes to the server, wherever it is cut', async () => {
    const { port } = await start();
    const bodyAt = USUAL.indexOf(BODY);
    for (const cut of [1, 30, bodyAt - 2, bodyAt, bodyAt + 5]) {
      const { socket, said } = speak(port);
      socket.write(USUAL.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.write(USUAL.slice(cut));
      await expect.poll(said).toContain(`server POST /ofrep/v1/evaluate/flags/images ${BODY}`);
    }
  });
});

describe('a connection', () => {
  it('stays for the next request, and goes on at the server after another one', async () => {
    const { port } = await start();
    const { socket, said } = speak(port);
    const answers = async (request: string, count: number): Promise<string> => {
      socket.write(request);
      await expect.poll(() => said().split('HTTP/1.1 200').length - 1).toBe(count);
      return said().slice(said().lastIndexOf('HTTP/1.1'));
    };
    expect(await answers(USUAL, 1)).toContain('"lane":"images"');
    expect(await answers(USUAL.replace('images', 'upscale'), 2)).toContain('"lane":"upscale"');
    expect(await answers(head('GET /x HTTP/1.1', HOST), 3)).toContain('server GET /x');
    await expect.poll(said).toContain('server GET /x');
    expect(await answers(USUAL, 4)).not.toContain('"lane"');
    await expect.poll(said).toContain('server POST /ofrep/v1/evaluate/flags/images');
  });

  it('ends with its client, or with the lane', async () => {
    const { server, lane, port } = await start();
    const connections = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    const [first, second] = [speak(port), speak(port)];
    for (const { socket } of [first, second]) socket.write(USUAL);
    await expect.poll(() => second.said()).toContain('lane');
    await expect.poll(() => first.said()).toContain('lane');
    first.socket.end();
    await expect.poll(connections).toBe(1);
    lane.close();
    await expect.poll(connections).toBe(0);
    expect(second.socket.closed || (await once(second.socket, 'close')).length >= 0).toBe(true);
  });

  it('of a client that reads nothing is the server’s, which stops reading it', async () => {
    const { port } = await start();
    const socket = connect(port, '127.0.0.1').setNoDelay().pause();
    closing.push(() => socket.destroy());
    const padded = `${head(LINE, HOST, `content-length: ${60_000}`)}${' '.repeat(60_000)}`;
    let written = 0;
    // What is echoed fills what the system keeps for a connection, and then nothing more is taken.
    while (written < 500 && (await isTaken(socket, padded))) written += 1;
    expect(written).toBeLessThan(500);
  });
});

function isTaken(socket: Socket, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), 500);
    socket.write(text, () => {
      clearTimeout(late);
      resolve(true);
    });
  });
}
