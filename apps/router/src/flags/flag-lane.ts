import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { readFlagHead, type AskedFlags, type FlagHead } from './whole-request.js';

/** Longer heads are read by the server. */
const LONGEST_HEAD = 4_096;
const HEAD_END = '\r\n\r\n';
const BEGINNING = 'POST /ofrep/v1/evaluate/flags';

/** What is answered to a request for flags. */
export interface FlagReply {
  readonly status: number;
  /** Absent: the client has it. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Told once it is sent. */
  readonly sent?: (() => void) | undefined;
}

export interface FlagLaneOptions {
  readonly server: Server;
  /** undefined: the server shall answer. */
  readonly answer: (asked: AskedFlags, text: string) => FlagReply | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Clients that evaluate flags send small requests over connections of their own, each whole and in one piece. Such a request is read and answered here, by the same evaluation
 * as any other, without the streams that Node.js makes of each, which cost several times as much as the evaluation. Nothing is decided here about what is no such request, comes in
 * pieces, behind another one, or to a client that does not read: its connection goes to the server as it is, for good.
 */
export class FlagLane {
  private readonly connections = new Set<Socket>();
  private readonly serve: readonly ((connection: Duplex) => void)[];
  private readonly fields: string;
  private date = { atSecond: 0, text: '' };

  constructor(private readonly options: FlagLaneOptions) {
    const { server, headers } = options;
    this.serve = server.listeners('connection') as ((connection: Duplex) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.watch(socket));
    const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(server.keepAliveTimeout / 1_000)}\r\n`;
    this.fields = `${lines(headers)}${keepAlive}`;
  }

  /** Gives a connection to the server, which reads what was put back on it. */
  toServer(connection: Duplex): void {
    for (const listener of this.serve) listener.call(this.options.server, connection);
  }

  /** Closes those that are here: nothing is under way there, since each answer follows its request at once. */
  close(): void {
    for (const socket of this.connections) socket.destroy();
  }

  private watch(socket: Socket): void {
    const { server } = this.options;
    let known: { readonly head: string; readonly read: FlagHead } | undefined;
    const take = (piece: Buffer): void => {
      const end = piece.indexOf(HEAD_END);
      const head = 0 < end && end <= LONGEST_HEAD ? piece.toString('latin1', 0, end) : '';
      // A client's requests begin alike.
      if (known?.head !== head) {
        const read = head.startsWith(BEGINNING) ? readFlagHead(head) : undefined;
        known = read && { head, read };
      }
      const bodyAt = end + HEAD_END.length;
      if (known?.read.bodyBytes !== piece.length - bodyAt) return leave(piece);
      const answer = this.options.answer(known.read, piece.toString('utf8', bodyAt));
      if (!answer) return leave(piece);
      const goesOn = socket.write(this.written(answer));
      answer.sent?.();
      if (!goesOn) leave();
    };
    const ended = (): void => void socket.end();
    const silent = (): void => void socket.destroy();
    const closed = (): void => void this.connections.delete(socket);
    const leave = (piece?: Buffer): void => {
      socket.off('data', take).off('end', ended).off('timeout', silent).off('close', closed).off('error', ignored);
      socket.setTimeout(0);
      this.connections.delete(socket);
      socket.pause();
      if (piece) socket.unshift(piece);
      this.toServer(socket);
      socket.resume();
    };
    this.connections.add(socket);
    socket.setTimeout(server.keepAliveTimeout);
    socket.on('data', take).on('end', ended).on('timeout', silent).on('close', closed).on('error', ignored);
  }

  private written({ status, body, headers }: FlagReply): string {
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${this.fields}Date: ${this.now()}\r\n${headers ? lines(headers) : ''}`;
    if (body === undefined) return `${head}\r\n`;
    const text = JSON.stringify(body);
    return `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  }

  private now(): string {
    const atSecond = Math.floor(Date.now() / 1_000);
    if (this.date.atSecond !== atSecond) this.date = { atSecond, text: new Date(atSecond * 1_000).toUTCString() };
    return this.date.text;
  }
}

/** A connection that fails closes, and that is all. */
function ignored(): void {}

function lines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}
