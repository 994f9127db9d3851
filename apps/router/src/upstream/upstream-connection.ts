import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { AnswerParser, type AnswerHead, type AnswerSink } from './answer-parser.js';
import { readOnWhenBroken } from './read-on-when-broken.js';
import type { AnswerReader, UpstreamRequest, UpstreamUpload } from './upstream-request.js';

/** Methods whose missing body is said to be empty (RFC 9110 §8.6). */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
/** An upstream that does not say how long it keeps an idle connection is taken to do so for this long; the usual shortest is 5 s. */
const USUAL_IDLE_MS = 4_000;
const LONGEST_IDLE_MS = 60_000;
/** It is given up so much earlier, lest it ends while a request is on its way. */
const IDLE_MARGIN_MS = 1_000;

export interface ConnectionEvents {
  /** It may carry another request. */
  readonly onFree: (connection: UpstreamConnection) => void;
  /** It is no more. */
  readonly onGone: (connection: UpstreamConnection) => void;
}

/** One connection to an upstream, which carries one request at a time. */
export class UpstreamConnection implements AnswerSink {
  /** By the monotonic clock; when nobody has used it by then it is closed. */
  idleUntilMs = performance.now() + USUAL_IDLE_MS;
  private readonly parser = new AnswerParser();
  private reader: AnswerReader | undefined;
  private onOver: (() => void) | undefined;
  private upload: Readable | undefined;
  private isChunked = false;
  private keepsAlive = true;
  private idleForMs = USUAL_IDLE_MS;
  private isPatient = false;

  constructor(
    private readonly socket: Socket,
    private readonly host: string,
    private readonly events: ConnectionEvents,
  ) {
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('drain', () => this.upload?.resume());
    socket.on('end', () => this.ended());
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => {
      this.fail(new Error('the connection was closed before its answer was there'));
      events.onGone(this);
    });
  }

  get isUsable(): boolean {
    return !this.socket.destroyed && this.socket.writable && this.reader === undefined;
  }

  /** Whether the answer that `reader` hears of is under way. */
  carries(reader: AnswerReader): boolean {
    return this.reader === reader;
  }

  /** @param onOver called when the request has ended, however it did */
  send(request: UpstreamRequest, reader: AnswerReader, onOver: () => void): void {
    const { method, body } = request;
    this.reader = reader;
    this.onOver = onOver;
    this.keepsAlive = true;
    this.parser.expect(method, this);
    const head = this.headOf(request);
    if (body === null) this.socket.write(head, 'latin1');
    else if (Buffer.isBuffer(body)) this.socket.write(joined(head, body));
    else this.begin(head, body);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(error?: Error): void {
    if (error) this.fail(error);
    this.socket.destroy();
  }

  onInformation(status: number, headers: IncomingHttpHeaders): void {
    this.reader?.onInformation(status, headers);
  }

  onHead(head: AnswerHead): void {
    this.keepsAlive = head.keepsAlive;
    const hint = head.headers['keep-alive'];
    this.idleForMs = hint === undefined ? USUAL_IDLE_MS : idleAllowedMs(hint);
    this.reader?.onHead(head);
  }

  onData(chunk: Buffer, isLast: boolean): void {
    this.reader?.onData(chunk, isLast);
  }

  onEnd(trailers: readonly string[]): void {
    const { reader, upload } = this;
    this.reader = undefined;
    // What was refused before its end is not sent to its end.
    this.keepsAlive &&= upload === undefined && this.idleForMs > 0;
    reader?.onEnd(trailers);
    this.over();
  }

  private take(bytes: Buffer): void {
    if (!this.parser.isReading) return this.destroy();
    try {
      if (!this.parser.take(bytes)) this.keepsAlive = false;
    } catch (error) {
      return this.destroy(error as Error);
    }
    if (!this.parser.isReading) this.release();
  }

  private release(): void {
    if (!this.keepsAlive) return this.destroy();
    if (this.socket.destroyed) return;
    if (this.socket.isPaused()) this.socket.resume();
    this.idleUntilMs = performance.now() + this.idleForMs;
    this.events.onFree(this);
  }

  private ended(): void {
    if (this.parser.isReading) this.parser.close();
    this.destroy(new Error('the upstream closed the connection before its answer was complete'));
  }

  /** Does nothing where no request is under way. */
  private fail(error: Error): void {
    const { reader } = this;
    this.reader = undefined;
    this.over();
    reader?.onFail(error);
  }

  private headOf({ method, path, headers, body }: UpstreamRequest): string {
    let head = `${method} ${path} HTTP/1.1\r\nhost: ${this.host}\r\n`;
    for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
    if (body === null) return WITH_BODY.has(method) ? `${head}content-length: 0\r\n\r\n` : `${head}\r\n`;
    if (Buffer.isBuffer(body)) return `${head}content-length: ${body.length}\r\n\r\n`;
    this.isChunked = body.length === undefined;
    return `${head}${this.isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`}\r\n\r\n`;
  }

  private begin(head: string, { stream }: UpstreamUpload): void {
    if (!this.isPatient) readOnWhenBroken(this.socket);
    this.isPatient = true;
    this.upload = stream;
    this.socket.write(head, 'latin1');
    stream.on('data', (chunk: Buffer) => {
      if (this.upload === stream && !this.write(chunk)) stream.pause();
    });
    stream.once('end', () => {
      if (this.upload !== stream) return;
      this.upload = undefined;
      if (this.isChunked) this.socket.write('0\r\n\r\n', 'latin1');
    });
    stream.once('close', () => {
      if (this.upload === stream) this.destroy(new Error('the request broke off'));
    });
  }

  private write(chunk: Buffer): boolean {
    if (!this.isChunked) return this.socket.write(chunk);
    this.socket.cork();
    this.socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.socket.write(chunk);
    const mayGoOn = this.socket.write('\r\n', 'latin1');
    this.socket.uncork();
    return mayGoOn;
  }

  private over(): void {
    this.onOver?.();
    this.onOver = undefined;
    const { upload } = this;
    this.upload = undefined;
    upload?.destroy();
  }
}

/** One write instead of two. */
function joined(head: string, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + body.length);
  bytes.write(head, 0, 'latin1');
  body.copy(bytes, head.length);
  return bytes;
}

/** `timeout=5, max=100` → how long the upstream keeps the connection, less a margin. */
function idleAllowedMs(hint: IncomingHttpHeaders[string]): number {
  const seconds = /timeout=(\d{1,6})/i.exec(String(hint))?.[1];
  if (seconds === undefined) return USUAL_IDLE_MS;
  return Math.min(Number(seconds) * 1_000 - IDLE_MARGIN_MS, LONGEST_IDLE_MS);
}
