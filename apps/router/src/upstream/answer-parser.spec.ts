import { describe, expect, it } from 'vitest';
import { AnswerParser, MalformedAnswerError } from './answer-parser.js';

const nothing = (): void => undefined;

/** What a parser makes of bytes that come in such pieces. */
function read(pieces: readonly Buffer[], method = 'GET') {
  const parser = new AnswerParser();
  const seen = { hints: [] as number[], head: '', body: '', trailers: [] as readonly string[], ended: false };
  let keepsAlive = false;
  parser.expect(method, {
    onInformation: (status) => void seen.hints.push(status),
    onHead: (head) => {
      seen.head = `${head.status} ${head.rawHeaders.join(' ')}`;
      keepsAlive = head.keepsAlive;
    },
    onData: (chunk) => void (seen.body += chunk.toString('latin1')),
    onEnd: (trailers) => {
      seen.trailers = trailers;
      seen.ended = true;
    },
  });
  const clean = pieces.every((piece) => parser.take(piece));
  return { ...seen, keepsAlive, clean, parser };
}

const whole = (text: string): readonly Buffer[] => [Buffer.from(text, 'latin1')];

const ANSWERS: readonly (readonly [string, string, object])[] = [
  [
    'with a length',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello',
    { head: '200 Content-Length 5 X-A b', body: 'hello', keepsAlive: true },
  ],
  [
    'in chunks, with trailers',
    'HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n',
    { body: 'abc0123456789', trailers: ['X-Sum', '1'] },
  ],
  [
    'behind hints and an unasked continue',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx',
    { hints: [100, 103], head: '201 Content-Length 1', body: 'x' },
  ],
  [
    'that has none by its status',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    { body: '', keepsAlive: true, head: '304 Content-Length 5' },
  ],
  ['of an older version', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', { body: 'x', keepsAlive: false }],
  [
    'of an older version in chunks, whose end is doubtful',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    { body: 'x', keepsAlive: false },
  ],
  [
    'of the last of a connection',
    'HTTP/1.1 200 OK\r\nConnection: X-A, Close\r\nContent-Length: 0\r\n\r\n',
    { keepsAlive: false },
  ],
];

describe('an answer', () => {
  it.each(ANSWERS)('%s is read the same wherever it is cut', (_what, text, expected) => {
    expect(read(whole(text))).toMatchObject({ ...expected, ended: true, clean: true });
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 1; at < bytes.length; at += 1) {
      expect(read([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toMatchObject({
        ...expected,
        ended: true,
        clean: true,
      });
    }
    expect(read(Array.from(bytes, (byte) => Buffer.from([byte])))).toMatchObject({ ...expected, ended: true });
  });

  it('to a HEAD has no body, whatever length it says', () => {
    expect(read(whole('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'), 'HEAD')).toMatchObject({
      ended: true,
      keepsAlive: true,
    });
  });

  it('without a length ends with its connection', () => {
    const { parser, ...seen } = read(whole('HTTP/1.1 200 OK\r\n\r\nall'));
    expect(seen).toMatchObject({ body: 'all', ended: false, keepsAlive: false });
    expect(parser.close()).toBe(true);
  });

  it('with a length does not', () => {
    expect(read(whole('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal')).parser.close()).toBe(false);
  });

  it('that has no content has no body either; its connection carries nothing more', () => {
    const answered = read(whole('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello'));
    expect(answered).toMatchObject({ head: '204 X-A b', body: '', ended: true, keepsAlive: false, clean: false });
  });

  it('in chunks loses a length beside them, and its connection', () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n';
    expect(read(whole(text))).toMatchObject({ head: '200 Transfer-Encoding chunked', body: 'x', keepsAlive: false });
  });

  it('keeps its bytes, and lists its cookies', () => {
    const parser = new AnswerParser();
    let values: unknown;
    const onHead = ({ headers }: { headers: object }): void => void (values = headers);
    parser.expect('GET', { onInformation: nothing, onData: nothing, onEnd: nothing, onHead });
    parser.take(
      Buffer.from(
        'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX: \xa0Jos\xe9\xa0\r\nY: 1\r\nY: 2\r\n\r\n',
        'latin1',
      ),
    );
    expect(values).toEqual({ 'set-cookie': ['a', 'b'], x: '\xa0Jos\xe9\xa0', y: '1, 2' });
  });

  it.each(['-1', 'abc', '5\r\nContent-Length: 6'])(
    'without a body says its length all the same, or none: %j',
    (length) => {
      const text = ` OK\r\nContent-Length: ${length}\r\n\r\n`;
      expect(() => read(whole(`HTTP/1.1 200${text}`), 'HEAD')).toThrow(MalformedAnswerError);
      expect(() => read(whole(`HTTP/1.1 304${text}`))).toThrow(MalformedAnswerError);
    },
  );

  it.each([
    'HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n',
    'HTTP/1.1 200 OK\nX: a\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: </a\nX: y\n\nHTTP/1.1 200 OK\n\n>\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\rb\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a\x01\r\n\r\n',
    'nonsense\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX : y\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`,
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(5_000)}`,
  ])('that is none, or could be read as two, is refused: %j', (text) => {
    expect(() => read(whole(text))).toThrow(MalformedAnswerError);
  });
});
