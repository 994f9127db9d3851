import type { IncomingHttpHeaders } from 'node:http';
import type { Attributes } from '#libs/assignment';
import {
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  FEEDBACK_TOKEN_HEADER,
  INSTANCE_HEADER,
  isNameless,
  LONGEST_INSTANCE,
  LONGEST_UNIT,
  REQUEST_ID_HEADER,
  TRACEPARENT,
  type ExperimentSpec,
} from '#libs/contracts';
import { sha256Of, type AssignmentSignatures } from '#libs/telemetry';
import type { OverrideCheck } from '../override-tokens.js';
import type { IncomingRequest, ClientAnswer } from './client-answer.js';
import { hostAsked } from './public-address.js';

/** Attributes of who asks, for the audience of an experiment: `plan=pro&country=de`, percent-encoded like a query. */
export const ATTRIBUTES_HEADER = 'teststrip-attributes';
/** The variant that somebody wants to see; obeyed only together with the right token. */
const OVERRIDE_HEADER = 'teststrip-override';
const OVERRIDE_TOKEN_HEADER = 'teststrip-override-token';

/** W3C trace context: the events of a request carry it on. */
const TRACEPARENT_HEADER = 'traceparent';

/** Says "1" to the service that nobody sees its answer. Clients can't say so. */
export const SHADOW_HEADER = 'teststrip-shadow';

/** In which headers units are named. */
export interface UnitHeaders {
  readonly user: string;
  readonly session: string;
}

/**
 * `named`: by a header, or by itself where requests are the units. `missing`: no header names anybody. `meaningless`: what the headers say is
 * no name ("undefined", blank …, see {@link isNameless}). `cookie`: by a cookie that a router gave.
 */
export type UnitName = 'named' | 'missing' | 'meaningless' | 'cookie';

/**
 * The unit of a request: the user (else the session), the session (else the user), or the request itself; a request that names
 * neither, or nobody, is a unit of its own.
 */
export function unitOf(
  headers: IncomingHttpHeaders,
  kind: ExperimentSpec['unit'],
  requestId: string,
  names: UnitHeaders,
): { readonly unit: string; readonly name: UnitName } {
  if (kind === 'request') return { unit: requestId, name: 'named' };
  const isUser = kind === 'user';
  const first = textOf(headerOf(headers, isUser ? names.user : names.session));
  if (first !== undefined && !isNameless(first)) return { unit: boundedUnit(first), name: 'named' };
  const second = textOf(headerOf(headers, isUser ? names.session : names.user));
  if (second !== undefined && !isNameless(second)) return { unit: boundedUnit(second), name: 'named' };
  return { unit: requestId, name: first === undefined && second === undefined ? 'missing' : 'meaningless' };
}

/** Cut off, two long units could become one. */
export function boundedUnit(unit: string): string {
  return unit.length <= LONGEST_UNIT ? unit : sha256Of(unit);
}

/** The variant that somebody authorised asks to see. */
export function overrideIn(
  headers: IncomingHttpHeaders,
  service: string,
  mayOverride: OverrideCheck,
): string | undefined {
  const override = headerOf(headers, OVERRIDE_HEADER);
  if (override === undefined) return undefined;
  return mayOverride(headerOf(headers, OVERRIDE_TOKEN_HEADER), { service, override }) ? override : undefined;
}

/** Names are hashed as UTF-8, which is how clients send them; Node.js reads each byte of a header as a character. */
function textOf(value: string | undefined): string | undefined {
  if (value === undefined || isAscii(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 127) return false;
  return true;
}

export function attributesOf(headers: IncomingHttpHeaders): Attributes {
  const text = headerOf(headers, ATTRIBUTES_HEADER);
  return text === undefined ? {} : Object.fromEntries(new URLSearchParams(text));
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  const first = typeof value === 'string' ? value : value?.[0];
  return first === '' ? undefined : first;
}

/** The trace context of who asks. */
export interface TraceOfClient {
  /** Of W3C's form; undefined: there is none. */
  readonly traceparent?: string;
  readonly tracestate?: string;
}

export function traceIn(headers: IncomingHttpHeaders): TraceOfClient {
  const traceparent = headerOf(headers, TRACEPARENT_HEADER);
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return {};
  const tracestate = headerOf(headers, 'tracestate');
  return tracestate === undefined || tracestate.length > LONGEST_TRACESTATE
    ? { traceparent }
    : { traceparent, tracestate };
}

/** Characters that W3C's trace context has passed on at least. */
const LONGEST_TRACESTATE = 512;

/** The process or pod that answers, where it says who it is. */
export function instanceOf(answer: IncomingHttpHeaders): string | undefined {
  return headerOf(answer, INSTANCE_HEADER)?.slice(0, LONGEST_INSTANCE);
}

/** Headers that concern one connection only (RFC 9110 §7.6.1), and those that the router itself sets or consumes. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  ASSIGNMENT_HEADER,
  ASSIGNMENT_SIGNATURE_HEADER,
  REQUEST_ID_HEADER,
  FEEDBACK_TOKEN_HEADER,
  INSTANCE_HEADER,
  TRACEPARENT_HEADER,
  OVERRIDE_HEADER,
  OVERRIDE_TOKEN_HEADER,
  SHADOW_HEADER,
]);

/** What only a proxy that is trusted may say of a client. */
const OF_PROXIES = /^(?:x-forwarded-.*|forwarded|x-real-ip)$/;

function isOfProxies(name: string): boolean {
  // Most headers begin otherwise, and a look costs less than the expression.
  return (name.startsWith('x-') || name.startsWith('forw')) && OF_PROXIES.test(name);
}

/** What the router itself says of a request to whoever answers it. */
export interface RouterHeaders {
  /** It comes from a trusted proxy: what that says of the client is passed on. */
  readonly isForwarded: boolean;
  readonly requestId: string;
  readonly traceparent: string;
  /** Undefined: the request belongs to no experiment. */
  readonly assignmentHeader: string | undefined;
  /** Undefined: there is no key, and nothing is signed. */
  readonly signatures: Pick<AssignmentSignatures, 'of'> | undefined;
}

/**
 * Headers for the upstream as a flat list name, value, name, value …: the client's, the forwarding ones, and the router's own.
 * `X_Forwarded_For` is `X-Forwarded-For` for services behind CGI, WSGI or Rack, so nobody may say that either.
 */
export function upstreamHeaders(
  request: IncomingRequest,
  { isForwarded, traceparent, ...assigned }: RouterHeaders,
): string[] {
  const { rawHeaders, headers } = request;
  const perConnection = namedByConnection(headers.connection);
  const passed: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const meant = name.includes('_') ? name.replaceAll('_', '-') : name;
    // Who sends the body says how long it is.
    if (NOT_FORWARDED.has(meant) || meant === 'content-length' || isOfProxies(meant) || perConnection?.has(name))
      continue;
    passed.push(name, rawHeaders[index + 1] as string);
  }
  passed.push(...forwardingHeaders(request, isForwarded));
  passed.push(REQUEST_ID_HEADER, assigned.requestId, TRACEPARENT_HEADER, traceparent, ...assignmentHeaders(assigned));
  return passed;
}

/** What an upstream is told of the assignment of a request. */
export function assignmentHeaders({
  requestId,
  assignmentHeader: encoded,
  signatures,
}: Pick<RouterHeaders, 'requestId' | 'assignmentHeader' | 'signatures'>): readonly string[] {
  if (encoded === undefined) return [];
  const told = [ASSIGNMENT_HEADER, encoded];
  return signatures ? [...told, ASSIGNMENT_SIGNATURE_HEADER, signatures.of({ requestId, encoded })] : told;
}

/** Who asked, and how: as the router sees it, behind what a trusted proxy said. */
function forwardingHeaders(request: IncomingRequest, isForwarded: boolean): readonly string[] {
  const { rawHeaders, headers, socket } = request;
  const from = socket.remoteAddress ?? 'unknown';
  const host = hostAsked(request);
  if (!isForwarded) {
    const own = ['x-forwarded-for', from, 'x-forwarded-proto', 'http'];
    return host === undefined ? own : [...own, 'x-forwarded-host', host];
  }
  const said: Record<string, string> = { 'x-forwarded-proto': 'http' };
  if (host !== undefined) said['x-forwarded-host'] = host;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    if (isOfProxies(name)) said[name] = headerOf(headers, name) ?? '';
  }
  said['x-forwarded-for'] = behind(said['x-forwarded-for'], from);
  if (said['forwarded'] !== undefined) said['forwarded'] = behind(said['forwarded'], `for=${inForwarded(from)}`);
  return Object.entries(said).flat();
}

function behind(before: string | undefined, last: string): string {
  return before === undefined || before === '' ? last : `${before}, ${last}`;
}

/** RFC 7239 §6: addresses with colons in brackets and quotes. */
function inForwarded(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address;
}

/** What the router says of an answer to the client. */
export interface ClientFacts {
  readonly requestId: string;
  readonly assignmentHeader: string | undefined;
  /** With it the client may say what it thinks of the answer. */
  readonly feedbackToken: string | undefined;
  /** Names a new unit. */
  readonly setCookie: string | undefined;
}

/**
 * Headers for the client as a flat list: the upstream's without those of its connection and its instance, and the router's own. Byte for byte: whatever
 * encoding a value has, it keeps.
 * @param connection what the upstream's `Connection` says
 */
export function clientHeaders(
  upstream: readonly string[],
  connection: string | undefined,
  { requestId, assignmentHeader, feedbackToken, setCookie }: ClientFacts,
): string[] {
  const perConnection = namedByConnection(connection);
  const headers: string[] = [];
  for (let index = 0; index < upstream.length; index += 2) {
    const name = upstream[index] as string;
    const lower = name.toLowerCase();
    if (NOT_FORWARDED.has(lower) || perConnection?.has(lower)) continue;
    headers.push(name, upstream[index + 1] as string);
  }
  headers.push(REQUEST_ID_HEADER, requestId);
  if (assignmentHeader !== undefined) headers.push(ASSIGNMENT_HEADER, assignmentHeader);
  if (feedbackToken !== undefined) headers.push(FEEDBACK_TOKEN_HEADER, feedbackToken);
  if (setCookie !== undefined) headers.push('set-cookie', setCookie);
  return headers;
}

/** Whether a client takes trailers behind an answer (RFC 9110 §6.5.1). */
export function wantsTrailers({ te }: IncomingHttpHeaders): boolean {
  return te !== undefined && /(?:^|,)\s*trailers\s*(?:$|[;,])/i.test(String(te));
}

/** Whether the answer that a client gets can have trailers: they stand behind a body in chunks, where the client takes them. */
export function mayHaveTrailers({ method, headers, httpVersion }: IncomingRequest, status: number): boolean {
  return httpVersion === '1.1' && method !== 'HEAD' && status !== 204 && status !== 304 && wantsTrailers(headers);
}

/** What no trailer may say: it decides how an answer is read, or is the router's own. */
const NO_TRAILERS = new Set([...NOT_FORWARDED, 'content-length', 'content-encoding', 'content-type', 'set-cookie']);

/** Sends what stands behind an upstream's answer behind the client's. */
export function passTrailers(response: Pick<ClientAnswer, 'addTrailers'>, trailers: readonly string[]): void {
  const passed: [string, string][] = [];
  for (let index = 0; index < trailers.length; index += 2) {
    const name = trailers[index] as string;
    if (!NO_TRAILERS.has(name.toLowerCase())) passed.push([name, trailers[index + 1] as string]);
  }
  response.addTrailers(passed);
}

function namedByConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
