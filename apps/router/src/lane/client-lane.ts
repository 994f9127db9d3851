import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { askedFlagsIn, type AskedFlags } from '../flags/asked-flags.js';
import type { IncomingRequest } from '../proxy/client-answer.js';
import { httpDate } from './http-date.js';
import { WholeAnswer } from './whole-answer.js';
import { readWholeHead, type WholeHead } from './whole-head.js';

/** Longer heads are read by the server. */
const LONGEST_HEAD = 4_096;
const HEAD_END = '\r\n\r\n';
const FLAGS = 'POST /ofrep/v1/evaluate/flags';
/** What a client sends before it has its answer is kept up to this size. */
const MOST_HELD_BYTES = 64 * 1024;

/** What is answered to a request for flags. */
export interface FlagReply {
  readonly status: number;
  /** Absent: the client has it. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Told once it is sent. */
  readonly sent?: (() => void) | undefined;
}

/** A request that has come whole. */
export interface WholeRequest extends IncomingRequest {
  /** Null: it has none. */
  readonly body: Buffer | null;
}

export interface ClientLaneOptions {
  readonly server: Server;
  /** undefined: the server shall answer. */
  readonly flags: (asked: AskedFlags, text: string) => FlagReply | undefined;
  readonly flagHeaders: Readonly<Record<string, string>>;
  /** Answers any other request. @returns false: the server shall, and nothing of the answer has been written */
  readonly pass: (request: WholeRequest, answer: WholeAnswer) => boolean;
}

/**
 * Most clients send small requests over connections of their own, each whole and in one piece. Such a request is read here and answered by the same functions as any other,
 * without the streams that Node.js makes of each. Nothing is decided here about what is no such request, comes in pieces, behind another one, or to a client that does not
 * read flags: its connection goes to the server as it is, for good.
 */
export class ClientLane {
  private readonly connections = new Set<LaneConnection>();
  private readonly serve: readonly ((connection: Duplex) => void)[];
  /** What each answer says of its connection. */
  readonly keepAlive: string;
  /** What each answer to a request for flags says. */
  readonly flagFields: string;
  isClosing = false;

  constructor(readonly options: ClientLaneOptions) {
    const { server, flagHeaders } = options;
    this.serve = server.listeners('connection') as ((connection: Duplex) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.connections.add(new LaneConnection(socket, this)));
    this.keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(server.keepAliveTimeout / 1_000)}\r\n`;
    this.flagFields = `${lines(flagHeaders)}${this.keepAlive}`;
  }

  /** Gives a connection to the server, which reads what was put back on it. */
  toServer(connection: Duplex): void {
    for (const listener of this.serve) listener.call(this.options.server, connection);
  }

  gone(connection: LaneConnection): void {
    this.connections.delete(connection);
  }

  /** Closes the connections on which nothing is under way now, and the others with their answers. */
  close(): void {
    this.isClosing = true;
    for (const connection of this.connections) connection.closeWhenIdle();
  }

  /** Closes all of them. */
  destroy(): void {
    for (const connection of this.connections) connection.destroy();
  }
}

/** One client's connection, until it closes or is the server's. */
class LaneConnection {
  /** The answer under way. */
  private answer: WholeAnswer | undefined;
  /** What has come behind the request under way. */
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** The head before: a client's requests begin alike. */
  private known:
    | { readonly text: string; readonly head: WholeHead; readonly flags: AskedFlags | undefined }
    | undefined;
  private readonly take = (piece: Buffer): void => (this.answer ? this.hold(piece) : this.read(piece));
  private readonly drained = (): void => this.answer?.drained();
  /** Whoever ends his side has gone, as for the server. */
  private readonly ended = (): void => void this.socket.end();
  private readonly silent = (): void => {
    if (!this.answer) this.socket.destroy();
  };
  private readonly closed = (): void => {
    this.lane.gone(this);
    this.answer?.closed();
  };

  constructor(
    private readonly socket: Socket,
    private readonly lane: ClientLane,
  ) {
    socket.setTimeout(lane.options.server.keepAliveTimeout);
    socket.on('data', this.take).on('drain', this.drained).on('end', this.ended);
    socket.on('timeout', this.silent).on('close', this.closed).on('error', ignored);
  }

  closeWhenIdle(): void {
    if (!this.answer) this.socket.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private read(piece: Buffer): void {
    const begin = piece.toString('latin1', 0, LONGEST_HEAD + HEAD_END.length);
    const end = begin.indexOf(HEAD_END);
    const known = end > 0 ? this.readHead(begin.slice(0, end)) : undefined;
    const bodyAt = end + HEAD_END.length;
    if (!known || (known.head.bodyBytes ?? 0) !== piece.length - bodyAt) return this.leave(piece);
    const isTaken = known.flags
      ? this.answerFlags(known.flags, piece.toString('utf8', bodyAt))
      : this.pass(known.head, bodyAt === piece.length ? null : piece.subarray(bodyAt));
    if (!isTaken) this.leave(piece);
  }

  private readHead(text: string): LaneConnection['known'] {
    if (this.known?.text === text) return this.known;
    const head = readWholeHead(text);
    const isForFlags = text.startsWith(FLAGS);
    const flags = head && isForFlags ? askedFlagsIn(head) : undefined;
    this.known = head && (flags !== undefined || !isForFlags) ? { text, head, flags } : undefined;
    return this.known;
  }

  private answerFlags(asked: AskedFlags, text: string): boolean {
    const reply = this.lane.options.flags(asked, text);
    if (!reply) return false;
    const goesOn = this.socket.write(flagText(reply, this.lane.flagFields));
    reply.sent?.();
    if (!goesOn) this.leave();
    return true;
  }

  private pass({ method, url, headers, rawHeaders, httpVersion }: WholeHead, body: Buffer | null): boolean {
    const { socket, lane } = this;
    const answer = new WholeAnswer({ socket, method, keepAlive: lane.keepAlive, onOver: () => this.next() });
    this.answer = answer;
    const request = { method, url, headers, rawHeaders, httpVersion, socket, body };
    if (lane.options.pass(request, answer)) return true;
    this.answer = undefined;
    return false;
  }

  private hold(piece: Buffer): void {
    this.held.push(piece);
    this.heldBytes += piece.length;
    if (this.heldBytes > MOST_HELD_BYTES) this.socket.pause();
  }

  /** An answer has ended. */
  private next(): void {
    const isLast = this.answer?.isLast === true || this.lane.isClosing;
    this.answer = undefined;
    // Who has ended his side is gone, as for the server.
    if (this.socket.destroyed || this.socket.readableEnded) return;
    if (isLast) this.socket.destroySoon();
    else if (this.heldBytes > 0) this.leave(Buffer.concat(this.held));
  }

  /** @param piece what the server shall read first */
  private leave(piece?: Buffer): void {
    const { socket, lane } = this;
    socket.off('data', this.take).off('drain', this.drained).off('end', this.ended);
    socket.off('timeout', this.silent).off('close', this.closed).off('error', ignored);
    socket.setTimeout(0);
    lane.gone(this);
    socket.pause();
    if (piece) socket.unshift(piece);
    lane.toServer(socket);
    socket.resume();
  }
}

function flagText({ status, body, headers }: FlagReply, fields: string): string {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields}Date: ${httpDate()}\r\n${headers ? lines(headers) : ''}`;
  if (body === undefined) return `${head}\r\n`;
  const text = JSON.stringify(body);
  return `${head}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

/** A connection that fails closes, and that is all. */
function ignored(): void {}

function lines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}
