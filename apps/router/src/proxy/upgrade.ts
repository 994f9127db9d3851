import { request as httpRequest, STATUS_CODES, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { encodeAssignment } from '#libs/contracts';
import { AnswerLimit } from '#libs/platform';
import { upstreamPath } from '../routing/upstream.js';
import { troubleInWords, UNSENT } from './exchange.js';
import { clientHeaders, upstreamHeaders } from './request-headers.js';
import type { RequestPlan, Target } from './request-plan.js';

/** A connection that a client wants to use otherwise from now on: a WebSocket, for one. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client has sent behind its request. */
  readonly head: Buffer;
  readonly address: { readonly path: string; readonly rest: string };
  readonly plan: RequestPlan;
  /** Until the upstream answers. */
  readonly timeoutMs: number;
  /** What became of it: the status of its answer, null where none came. */
  readonly onAnswer: (target: Target, status: number | null) => void;
  /** Hears what clients are not told: the upstream's address, and what is wrong with it. */
  readonly onTrouble: (upstream: string, what: string) => void;
}

/** How long a client may take for the last bytes of its answer. */
const LAST_BYTES_MS = 10_000;

/**
 * Passes the handshake on to the variant of the unit, and both connections to each other from then on, byte for byte. There is no limit for
 * their silence: it is theirs to keep alive.
 */
export function passUpgrade(upgrade: UpgradeRequest): void {
  ask(upgrade, upgrade.plan.first);
}

/** A WebSocket begins with a GET without a body (RFC 6455 §4.1). */
export function isHandshake({ method, headers }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  return method === 'GET' && !hasBody && headers.upgrade?.toLowerCase() === 'websocket';
}

function ask(upgrade: UpgradeRequest, target: Target): void {
  const { plan, socket } = upgrade;
  const { lane } = target;
  const mustGoOn = plan.hasNext && !lane.health.mayTry();
  if (mustGoOn || !lane.hasSocket) {
    const next = plan.next();
    if (next) return ask(upgrade, next);
    return refuseUpgrade(socket, 503, 'The upstream has more connections than it can take.');
  }
  const leave = lane.enter('socket');
  const outgoing = handshake(upgrade, target);
  const limit = new AnswerLimit(upgrade.timeoutMs, () => outgoing.destroy(new Error('no answer in time')));
  let isSettled = false;
  const settle = (status: number | null): void => {
    limit.clear();
    isSettled = true;
    lane.learn(status === null ? 'failed' : 'answered');
    upgrade.onAnswer(target, status);
  };
  socket.once('close', () => outgoing.destroy());
  outgoing.on('close', () => leave());
  outgoing.on('upgrade', (answer: IncomingMessage, upstream: Duplex, head: Buffer) => {
    settle(answer.statusCode ?? 101);
    connect(upgrade, target, { answer, upstream, head });
  });
  outgoing.on('response', (answer: IncomingMessage) => {
    settle(answer.statusCode ?? 502);
    socket.write(headOf(answer, upgrade, target), 'latin1');
    passRefusal(answer, upgrade);
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    if (isSettled || socket.destroyed) return void socket.destroy();
    settle(null);
    const next = UNSENT.has(error.code ?? '') ? plan.next() : undefined;
    if (next) return ask(upgrade, next);
    upgrade.onTrouble(target.upstream.url, error.message);
    refuseUpgrade(socket, 502, troubleInWords(error));
  });
  outgoing.end();
}

function handshake({ request, address, plan }: UpgradeRequest, { upstream, assignment }: Target): ClientRequest {
  const { origin } = upstream;
  const { host } = new URL(origin);
  const assignmentHeader = assignment ? encodeAssignment(assignment) : undefined;
  const headers = ['host', host, 'connection', 'Upgrade', 'upgrade', request.headers.upgrade as string];
  headers.push(...upstreamHeaders(request, plan.routerHeaders(assignmentHeader)));
  const path = upstreamPath(upstream, address.path, address.rest);
  const send = origin.startsWith('https:') ? httpsRequest : httpRequest;
  // A connection of its own, which is the client's as soon as the upstream agrees.
  const asked = { method: 'GET', path, headers: headers as unknown as Record<string, string>, agent: false as const };
  // The path is never read as part of an address: with two slashes before it, it would name another host.
  return send(origin, asked);
}

/** An answer of the usual kind, with its time limit: nobody keeps a silent one alive. */
function passRefusal(answer: IncomingMessage, { socket, timeoutMs }: UpgradeRequest): void {
  answer.setTimeout(timeoutMs, () => answer.destroy());
  answer.on('end', () => endSoon(socket));
  answer.on('close', () => {
    // Its end is that of the connection: only a reset says that there is more.
    if (!answer.complete) (socket as Socket).resetAndDestroy();
  });
  answer.pipe(socket, { end: false });
}

function connect(
  upgrade: UpgradeRequest,
  target: Target,
  { answer, upstream, head }: { answer: IncomingMessage; upstream: Duplex; head: Buffer },
): void {
  const { socket } = upgrade;
  upstream.on('error', () => socket.destroy());
  upstream.on('close', () => socket.destroy());
  socket.on('close', () => upstream.destroy());
  socket.write(headOf(answer, upgrade, target), 'latin1');
  if (head.length > 0) socket.write(head);
  if (upgrade.head.length > 0) upstream.write(upgrade.head);
  upstream.pipe(socket);
  socket.pipe(upstream);
}

function headOf(answer: IncomingMessage, { plan }: UpgradeRequest, { assignment }: Target): string {
  const { statusCode = 502, statusMessage = '', rawHeaders, headers } = answer;
  const assignmentHeader = assignment ? encodeAssignment(assignment) : undefined;
  const passed = clientHeaders(rawHeaders, headers.connection, plan.clientFacts(assignmentHeader));
  // The connection to the client is the upgraded one, or ends with this answer.
  if (statusCode === 101) passed.push('connection', 'Upgrade', 'upgrade', headers.upgrade ?? 'websocket');
  else passed.push('connection', 'close');
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let index = 0; index < passed.length; index += 2) lines.push(`${passed[index]}: ${passed[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Answers on a connection that has no `ServerResponse` any more, and closes it. */
export function refuseUpgrade(socket: Duplex, status: number, detail: string): void {
  if (socket.destroyed) return;
  const title = STATUS_CODES[status] ?? 'Refused';
  const body = JSON.stringify({ type: 'about:blank', title, status, detail });
  const lines = [`HTTP/1.1 ${status} ${title}`, 'content-type: application/problem+json', 'connection: close'];
  endSoon(socket, `${lines.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

/** Ends a connection, also where the client keeps its side of it open. */
function endSoon(socket: Duplex, last = ''): void {
  const timer = setTimeout(() => socket.destroy(), LAST_BYTES_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(last, () => socket.destroy());
}
