import type { IncomingHttpHeaders } from 'node:http';

/** What an answer says before its body. */
export interface AnswerHead {
  readonly status: number;
  /** By lower-case name; several of one name are joined, cookies are listed. */
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value …, byte for byte, without a length that does not hold. */
  readonly rawHeaders: readonly string[];
  /** Whether the connection may carry another request. */
  readonly keepsAlive: boolean;
}

/** Hears of one answer, piece by piece. */
export interface AnswerSink {
  /** An answer before the answer (1xx): early hints, say. */
  onInformation(status: number, headers: IncomingHttpHeaders): void;
  onHead(head: AnswerHead): void;
  /** @param isLast `onEnd` follows at once */
  onData(chunk: Buffer, isLast: boolean): void;
  /** @param trailers name, value, name, value … */
  onEnd(trailers: readonly string[]): void;
}

/** Bytes that are no HTTP answer, or could be read as two. Trying again helps only where the upstream answers otherwise then. */
export class MalformedAnswerError extends Error {
  override readonly name = 'MalformedAnswerError';
  readonly code = 'EBADANSWER';
}

type State = 'idle' | 'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers';

const HEAD_END = Buffer.from('\r\n\r\n');
const LARGEST_HEAD_BYTES = 64 * 1024;
/** Nearly every head ends within them: it is found in the text that is made of it anyway. */
const USUAL_HEAD_BYTES = 1_024;
const LARGEST_LINE_BYTES = 4 * 1024;
const MOST_TRAILERS = 100;
const LINE_FEED = 10;
const NOTHING = Buffer.alloc(0);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const CHUNK_SIZE = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i;
const LENGTH = /^\d{1,15}$/;
/** What no value may hold (RFC 9110 §5.5); a line end of one character is one for some readers and none for others. */
// oxlint-disable-next-line no-control-regex
const NOT_IN_VALUE = /[\0-\x08\n-\x1f\x7f]/;
// oxlint-disable-next-line no-control-regex
const NOT_IN_HEAD = /[\0-\x08\v\f\x0e-\x1f\x7f]|\r(?!\n)|[^\r]\n/;
const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?: |$)/;

/** Reads HTTP/1.1 answers (RFC 9112) from the bytes of one connection, one after another. Nothing of a body is kept. */
export class AnswerParser {
  private state: State = 'idle';
  private sink: AnswerSink | undefined;
  private method = '';
  /** A head or a line that has not come whole. */
  private held: Buffer | undefined;
  /** Bytes of the body, or of the chunk, that are still to come. */
  private left = 0;
  private trailers: string[] = [];

  /** An answer is awaited, or has not ended. */
  get isReading(): boolean {
    return this.state !== 'idle';
  }

  /** @param method of the request: the answer to a HEAD has no body */
  expect(method: string, sink: AnswerSink): void {
    this.method = method;
    this.sink = sink;
    this.state = 'head';
  }

  /**
   * @returns false: there are bytes behind the end of the answer, which belong to none
   * @throws MalformedAnswerError
   */
  take(bytes: Buffer): boolean {
    let rest = this.held === undefined ? bytes : Buffer.concat([this.held, bytes]);
    this.held = undefined;
    while (rest.length > 0 && this.state !== 'idle') {
      const used = this.step(rest);
      if (used === 0) {
        this.held = rest;
        return true;
      }
      rest = used === rest.length ? NOTHING : rest.subarray(used);
    }
    return rest.length === 0;
  }

  /** The connection has ended. @returns whether the answer is complete */
  close(): boolean {
    if (this.state === 'until-close') this.end();
    return this.state === 'idle';
  }

  /** @returns how many bytes were read; 0: more have to come first */
  private step(bytes: Buffer): number {
    switch (this.state) {
      case 'head':
        return this.takeHead(bytes);
      case 'length':
      case 'chunk':
        return this.takeCounted(bytes);
      case 'until-close':
        this.sink?.onData(bytes, false);
        return bytes.length;
      case 'chunk-size':
      case 'chunk-end':
      case 'trailers':
        return this.takeLine(bytes);
      case 'idle':
        return 0;
      default:
        return this.state satisfies never;
    }
  }

  private takeHead(bytes: Buffer): number {
    const begin = bytes.toString('latin1', 0, USUAL_HEAD_BYTES);
    const usual = begin.indexOf('\r\n\r\n');
    if (usual !== -1) {
      this.begin(readHead(begin.slice(0, usual)));
      return usual + HEAD_END.length;
    }
    const end = bytes.indexOf(HEAD_END);
    if ((end === -1 ? bytes.length : end) > LARGEST_HEAD_BYTES) {
      throw new MalformedAnswerError(`its head has more than ${LARGEST_HEAD_BYTES} bytes`);
    }
    if (end === -1) return 0;
    this.begin(readHead(bytes.toString('latin1', 0, end)));
    return end + HEAD_END.length;
  }

  private begin({ status, headers, rawHeaders, keepsAlive }: AnswerHead): void {
    if (status === 101) throw new MalformedAnswerError('it changes the protocol, which nobody asked for');
    if (status < 200) return this.sink?.onInformation(status, headers);
    const { 'transfer-encoding': coding, 'content-length': length } = headers;
    if (this.method === 'HEAD' || status === 304) {
      if (length !== undefined && !LENGTH.test(length)) throw new MalformedAnswerError(`its length is "${length}"`);
      return this.beginBody({ status, headers, rawHeaders, keepsAlive }, 0);
    }
    if (status === 204) {
      // It has no body whatever it says; what comes all the same is not taken for the next answer.
      const isClean = coding === undefined && (length === undefined || length === '0');
      const raw = withoutLength(rawHeaders);
      return this.beginBody({ status, headers, rawHeaders: raw, keepsAlive: keepsAlive && isClean }, 0);
    }
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw new MalformedAnswerError(`its transfer coding is "${coding}"`);
      this.state = 'chunk-size';
      if (length === undefined) return this.sink?.onHead({ status, headers, rawHeaders, keepsAlive });
      return this.sink?.onHead({ status, headers, rawHeaders: withoutLength(rawHeaders), keepsAlive: false });
    }
    if (length === undefined) {
      this.state = 'until-close';
      return this.sink?.onHead({ status, headers, rawHeaders, keepsAlive: false });
    }
    if (!LENGTH.test(length)) throw new MalformedAnswerError(`its length is "${length}"`);
    this.beginBody({ status, headers, rawHeaders, keepsAlive }, Number(length));
  }

  private beginBody(head: AnswerHead, bytes: number): void {
    this.state = 'length';
    this.left = bytes;
    this.sink?.onHead(head);
    if (bytes === 0) this.end();
  }

  private takeCounted(bytes: Buffer): number {
    const used = Math.min(this.left, bytes.length);
    this.left -= used;
    const isLast = this.left === 0 && this.state === 'length';
    this.sink?.onData(used === bytes.length ? bytes : bytes.subarray(0, used), isLast);
    if (this.left > 0) return used;
    if (this.state === 'chunk') this.state = 'chunk-end';
    else this.end();
    return used;
  }

  private takeLine(bytes: Buffer): number {
    const end = bytes.indexOf(LINE_FEED);
    if ((end === -1 ? bytes.length : end) > LARGEST_LINE_BYTES) throw new MalformedAnswerError('a line is too long');
    if (end === -1) return 0;
    if (bytes[end - 1] !== 13) throw new MalformedAnswerError('a line does not end in CR LF');
    this.readLine(bytes.toString('latin1', 0, end - 1));
    return end + 1;
  }

  private readLine(line: string): void {
    if (this.state === 'chunk-end') {
      if (line !== '') throw new MalformedAnswerError('a chunk is longer than it says');
      this.state = 'chunk-size';
    } else if (this.state === 'chunk-size') {
      const size = CHUNK_SIZE.exec(line)?.[1];
      if (size === undefined) throw new MalformedAnswerError('a chunk does not say how long it is');
      this.left = Number.parseInt(size, 16);
      this.state = this.left === 0 ? 'trailers' : 'chunk';
    } else if (line === '') {
      this.end();
    } else {
      if (NOT_IN_VALUE.test(line)) throw new MalformedAnswerError('a trailer has a character that no header may have');
      const [name, value] = readField(line, 0, line.length);
      if (this.trailers.push(name, value) > 2 * MOST_TRAILERS)
        throw new MalformedAnswerError('it has too many trailers');
    }
  }

  private end(): void {
    const { sink, trailers } = this;
    this.state = 'idle';
    this.sink = undefined;
    this.trailers = [];
    sink?.onEnd(trailers);
  }
}

function readHead(text: string): AnswerHead {
  if (NOT_IN_HEAD.test(text)) throw new MalformedAnswerError('its head has a character that no header may have');
  const firstEnd = text.indexOf('\r\n');
  const first = firstEnd === -1 ? text : text.slice(0, firstEnd);
  if (!STATUS_LINE.test(first)) throw new MalformedAnswerError('it does not begin with a status');
  const rawHeaders: string[] = [];
  const headers: Record<string, string | string[] | undefined> = {};
  let at = firstEnd === -1 ? text.length : firstEnd + 2;
  while (at < text.length) {
    const found = text.indexOf('\r\n', at);
    const end = found === -1 ? text.length : found;
    const [name, value] = readField(text, at, end);
    rawHeaders.push(name, value);
    add(headers, name.toLowerCase(), value);
    at = end + 2;
  }
  const connection = headers['connection'] as string | undefined;
  const isOlder = first.charCodeAt(7) !== 49;
  // Transfer codings are younger than HTTP/1.0: where such an answer ends is doubtful (RFC 9112 §6.1).
  const isClear = !isOlder || headers['transfer-encoding'] === undefined;
  const keepsAlive = isOlder ? isClear && says(connection, 'keep-alive') : !says(connection, 'close');
  return { status: Number(first.slice(9, 12)), headers: headers as IncomingHttpHeaders, rawHeaders, keepsAlive };
}

/** A header's value is without the blanks around it. A line that goes on in the next one is refused, as RFC 9112 §5.2 allows. */
function readField(text: string, at: number, end: number): readonly [string, string] {
  const colon = text.indexOf(':', at);
  const name = text.slice(at, colon === -1 || colon > end ? end : colon);
  if (!TOKEN.test(name) || colon === -1 || colon > end) throw new MalformedAnswerError('a header has no name');
  let from = colon + 1;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from += 1;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1;
  return [name, text.slice(from, to)];
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function add(headers: Record<string, string | string[] | undefined>, name: string, value: string): void {
  const before = headers[name];
  if (name === 'set-cookie') headers[name] = [...((before as readonly string[] | undefined) ?? []), value];
  else headers[name] = typeof before === 'string' ? `${before}, ${value}` : value;
}

function says(connection: string | undefined, what: string): boolean {
  if (connection === undefined) return false;
  const said = connection.toLowerCase();
  return said === what || said.split(',').some((option) => option.trim() === what);
}

function withoutLength(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter(
    (_text, index) => (rawHeaders[index - (index % 2)] as string).toLowerCase() !== 'content-length',
  );
}
