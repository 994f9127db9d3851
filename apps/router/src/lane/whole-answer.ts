import { EventEmitter } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientAnswer } from '../proxy/client-answer.js';
import { httpDate } from './http-date.js';

/** Up to this size an answer is copied into one piece, which costs less than to have the system gather it from several. */
const LARGEST_COPY_BYTES = 64 * 1024;

export interface WholeAnswerOptions {
  readonly socket: Socket;
  /** The answer to a HEAD has no body. */
  readonly method: string;
  /** What each answer says of its connection. */
  readonly keepAlive: string;
  /** Called once, when all of it is with the operating system, or its connection has closed. */
  readonly onOver: () => void;
}

/**
 * The answer to a request that came whole, written as Node.js's server writes its own: head and body leave together as far as they are there, and a body without a length goes in
 * chunks. What is known of the connection (its end, its pace) is told to it by whoever watches the socket.
 */
export class WholeAnswer extends EventEmitter implements ClientAnswer {
  headersSent = false;
  writableEnded = false;
  chunkedEncoding = false;
  destroyed = false;
  /** The connection ends with it. */
  isLast = false;
  private hasBody = true;
  /** What is said and not yet given to the socket. */
  private pieces: (Buffer | string)[] = [];
  private waitingBytes = 0;
  private leavesSoon = false;
  private needsDrain = false;
  private trailers = '';
  private isOver = false;

  constructor(private readonly options: WholeAnswerOptions) {
    super();
  }

  get socket(): Socket {
    return this.options.socket;
  }

  writeHead(status: number, headers: readonly string[] | Readonly<Record<string, string | number>>): void {
    this.hasBody = this.options.method !== 'HEAD' && status !== 204 && status !== 304;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    const said = { date: false, length: false, connection: false };
    const say = (name: string, value: string | number): void => {
      text += `${name}: ${value}\r\n`;
      note(said, name);
    };
    if (isList(headers)) {
      for (let index = 0; index < headers.length; index += 2)
        say(headers[index] as string, headers[index + 1] as string);
    } else for (const name in headers) say(name, headers[name] as string | number);
    if (!said.date) text += `Date: ${httpDate()}\r\n`;
    // Who says anything of the connection (a refusal, say) says that it ends.
    if (said.connection) this.isLast = true;
    else text += this.options.keepAlive;
    this.chunkedEncoding = this.hasBody && !said.length;
    this.add(this.chunkedEncoding ? `${text}Transfer-Encoding: chunked\r\n\r\n` : `${text}\r\n`);
    this.headersSent = true;
  }

  writeEarlyHints({ link }: { readonly link: string | string[] }): void {
    const links = Array.isArray(link) ? link.join(', ') : link;
    this.socket.write(`HTTP/1.1 103 Early Hints\r\nLink: ${links}\r\n\r\n`, 'latin1');
  }

  flushHeaders(): void {
    this.leave();
  }

  write(chunk: Buffer): boolean {
    if (!this.hasBody || chunk.length === 0) return true;
    this.addChunk(chunk);
    this.leaveSoon();
    const { writableLength, writableHighWaterMark } = this.socket;
    this.needsDrain ||= writableLength + this.waitingBytes >= writableHighWaterMark;
    return !this.needsDrain;
  }

  addTrailers(trailers: readonly [name: string, value: string][]): void {
    for (const [name, value] of trailers) this.trailers += `${name}: ${value}\r\n`;
  }

  end(last?: Buffer | string, sent?: () => void): void {
    this.writableEnded = true;
    if (this.hasBody && last !== undefined && last.length > 0) {
      this.addChunk(typeof last === 'string' ? Buffer.from(last) : last);
    }
    if (this.chunkedEncoding) this.add(`0\r\n${this.trailers}\r\n`);
    this.leave((error) => {
      // A connection that fails closes, and that is told by itself.
      if (error || this.isOver) return;
      sent?.();
      this.over();
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** The socket takes more. */
  drained(): void {
    if (!this.needsDrain) return;
    this.needsDrain = false;
    this.emit('drain');
  }

  /** The connection has closed. */
  closed(): void {
    this.destroyed = true;
    this.over();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.emit('close');
    this.options.onOver();
  }

  private addChunk(chunk: Buffer): void {
    if (!this.chunkedEncoding) return this.add(chunk);
    this.add(`${chunk.length.toString(16)}\r\n`);
    this.add(chunk);
    this.add('\r\n');
  }

  private add(piece: Buffer | string): void {
    this.pieces.push(piece);
    this.waitingBytes += piece.length;
  }

  /** What follows in this turn of the event loop leaves with it. */
  private leaveSoon(): void {
    if (this.leavesSoon) return;
    this.leavesSoon = true;
    process.nextTick(() => {
      this.leavesSoon = false;
      if (this.waitingBytes > 0) this.leave();
    });
  }

  private leave(sent?: (error?: Error | null) => void): void {
    const { socket, pieces, waitingBytes } = this;
    this.pieces = [];
    this.waitingBytes = 0;
    if (waitingBytes <= LARGEST_COPY_BYTES) {
      socket.write(joined(pieces, waitingBytes), sent);
    } else {
      socket.cork();
      for (const [index, piece] of pieces.entries()) {
        const then = index === pieces.length - 1 ? sent : undefined;
        if (typeof piece === 'string') socket.write(piece, 'latin1', then);
        else socket.write(piece, then);
      }
      socket.uncork();
    }
    // Nobody waits for a drain that does not come.
    if (this.needsDrain && !socket.writableNeedDrain) this.drained();
  }
}

function joined(pieces: readonly (Buffer | string)[], bytes: number): Buffer {
  const whole = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const piece of pieces)
    at += typeof piece === 'string' ? whole.write(piece, at, 'latin1') : piece.copy(whole, at);
  return whole;
}

function isList(headers: readonly string[] | Readonly<Record<string, string | number>>): headers is readonly string[] {
  return Array.isArray(headers);
}

/** Most headers have another length, and a look costs less than to write them in small letters. */
function note(said: { date: boolean; length: boolean; connection: boolean }, name: string): void {
  if (name.length === 4) said.date ||= name.toLowerCase() === 'date';
  else if (name.length === 14) said.length ||= name.toLowerCase() === 'content-length';
  else if (name.length === 10) said.connection ||= name.toLowerCase() === 'connection';
}
