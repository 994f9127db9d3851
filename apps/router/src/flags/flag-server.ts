import type { IncomingMessage, ServerResponse } from 'node:http';
import { isoTime } from '#libs/contracts';
import { percentDecoded, sendJson, sendProblem } from '#libs/platform';
import type { DrawSources } from '../proxy/draw.js';
import type { OverrideCheck } from '../override-tokens.js';
import { headerOf, overrideIn } from '../proxy/request-headers.js';
import type { Refusal } from '../proxy/request-fault.js';
import type { Allocations } from '../routing/allocations.js';
import { ChangeStreams } from './change-streams.js';
import { entityTagOf, isKnown } from './entity-tag.js';
import { evaluateFlag, type Evaluated, type FlagQuestion } from './evaluate-flag.js';
import { isFlagProblem, readFlagContext, type FlagContext, type FlagProblem } from './flag-context.js';
import type { FlagReply } from '../lane/client-lane.js';
import { readText, type FlagRequest } from './read-text.js';
import type { AskedFlags } from './asked-flags.js';

const BULK = '/ofrep/v1/evaluate/flags';
const EVENTS = '/ofrep/v1/events';
/** After so long without a client before its screen a stream may be closed. */
const INACTIVITY_SECONDS = 120;

/** Flags are asked for by pages of any origin: no cookie counts here, and nothing changes. */
export const OPEN_TO_PAGES = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'etag' };
const METHODS = 'GET, POST, OPTIONS';
const PREFLIGHT = {
  ...OPEN_TO_PAGES,
  'access-control-allow-methods': METHODS,
  'access-control-allow-headers': '*, authorization',
  'access-control-max-age': '86400',
};

export interface FlagServerOptions extends DrawSources {
  readonly allocations: Allocations;
  /** Why nothing can be evaluated at present; undefined when it can. */
  readonly unreadyReason: () => string | undefined;
  readonly mayOverride: OverrideCheck;
  /** Hears of every flag that was asked for by itself, and what its client is told. */
  readonly onEvaluated: (service: string, evaluated: Evaluated) => void;
}

type Headers = Readonly<Record<string, string>>;
/** The variant of a service that somebody authorised asks for. */
type OverrideOf = (service: string) => string | undefined;

/**
 * OFREP 0.3 (OpenFeature's remote evaluation protocol): every service is a flag, evaluated as a request would be routed. Asking for one flag is an exposure; asking
 * for all of them at once is none, since a client keeps what it may never use.
 */
export class FlagServer {
  private readonly streams = new ChangeStreams();

  constructor(private readonly options: FlagServerOptions) {}

  serve(request: IncomingMessage, response: ServerResponse, { path, waitsToBeTold }: FlagRequest): void {
    const [address = ''] = path.split('?', 1);
    const key = keyIn(address);
    const refusal = refusalOf(request, address, key);
    if (refusal || request.method === 'OPTIONS') {
      request.resume();
      if (refusal) return sendProblem(response, refusal, { ...OPEN_TO_PAGES, allow: METHODS });
      response.writeHead(204, PREFLIGHT).end();
      return;
    }
    const unready = this.options.unreadyReason();
    if (unready !== undefined) {
      request.resume();
      return send(response, 503, { errorDetails: unready }, { 'retry-after': '1' });
    }
    if (address === EVENTS) return this.listen(request, response);
    readText(request, response, { waitsToBeTold }, (text) => {
      const context = typeof text === 'string' ? readFlagContext(text) : text;
      const { 'if-none-match': ifNoneMatch } = request.headers;
      const { status, body, headers, sent } = this.answer(context, { key, ifNoneMatch }, (service) =>
        overrideIn(request.headers, service, this.options.mayOverride),
      );
      send(response, status, body, headers);
      sent?.();
    });
  }

  /** What is evaluated may be another now. */
  changed(): void {
    this.streams.changed();
  }

  get listening(): number {
    return this.streams.size;
  }

  close(): void {
    this.streams.close();
  }

  /** Answers who asks for flags in one piece; undefined while nothing can be evaluated. */
  answerWhole(asked: AskedFlags, text: string): FlagReply | undefined {
    return this.options.unreadyReason() === undefined
      ? this.answer(readFlagContext(text), asked, nobodyChooses)
      : undefined;
  }

  private answer(
    context: FlagContext | FlagProblem,
    { key, ifNoneMatch }: AskedFlags,
    overrideOf: OverrideOf,
  ): FlagReply {
    if (isFlagProblem(context)) return { status: 400, body: key === undefined ? context : { key, ...context } };
    return key === undefined
      ? this.answerAll(context, overrideOf, ifNoneMatch)
      : this.answerOne(key, { context, override: overrideOf(key), askedAt: isoTime(Date.now()) });
  }

  private answerOne(key: string, question: FlagQuestion): FlagReply {
    const route = this.options.allocations.routeOf(key);
    if (!route) {
      const notFound: FlagProblem = { errorCode: 'FLAG_NOT_FOUND', errorDetails: `no service is called "${key}"` };
      return { status: 404, body: { key, ...notFound } };
    }
    const evaluated = evaluateFlag(route, question, this.options);
    const sent = (): void => this.options.onEvaluated(key, evaluated);
    return { status: 200, body: evaluated.flag, sent };
  }

  private answerAll(context: FlagContext, overrideOf: OverrideOf, ifNoneMatch: string | undefined): FlagReply {
    const routes = [...this.options.allocations.routes.values()];
    const flags = routes.map((route) => {
      const question = { context, override: overrideOf(route.service) };
      return evaluateFlag(route, question, this.options).flag;
    });
    const headers = { etag: entityTagOf(flags) };
    if (isKnown(ifNoneMatch, headers.etag)) return { status: 304, headers };
    const endpoint = { requestUri: EVENTS };
    const eventStreams = [{ type: 'sse', endpoint, inactivityDelaySec: INACTIVITY_SECONDS }];
    return { status: 200, body: { flags, eventStreams }, headers };
  }

  private listen(request: IncomingMessage, response: ServerResponse): void {
    // Behind an answer that has not ended it would hold a place that nobody hears anything from.
    const isHeard = response.socket !== null;
    if (isHeard && this.streams.open(response, headerOf(request.headers, 'last-event-id'), OPEN_TO_PAGES)) return;
    const problem = { title: 'Too many streams', status: 503, detail: 'ask for the flags from time to time instead' };
    sendProblem(response, problem, { ...OPEN_TO_PAGES, 'retry-after': '60' });
  }
}

/** What is asked for in one piece says nothing of a variant. */
function nobodyChooses(): undefined {}

/** Whether a request is for news of changes, over a connection that stays open. */
export function isFlagStream({ kind, path }: { readonly kind: string; readonly path: string }): boolean {
  return kind === 'flags' && path.split('?', 1)[0] === EVENTS;
}

/** Why nothing is asked for here; undefined: it is. */
function refusalOf({ method }: IncomingMessage, address: string, key: string | undefined): Refusal | undefined {
  if (address !== EVENTS && address !== BULK && key === undefined) {
    return { title: 'Not found', status: 404, detail: `expected ${BULK}, ${BULK}/{key} or ${EVENTS}` };
  }
  const expected = address === EVENTS ? 'GET' : 'POST';
  if (method === expected || method === 'OPTIONS') return undefined;
  return { title: 'Method not allowed', status: 405, detail: `${method} ${address}: expected ${expected}` };
}

/** The flag's key in a path; undefined where there is none. */
function keyIn(path: string): string | undefined {
  const written = path.startsWith(`${BULK}/`) ? path.slice(BULK.length + 1) : '';
  return written === '' ? undefined : percentDecoded(written);
}

function send(response: ServerResponse, status: number, body: object | undefined, headers: Headers = {}): void {
  if (response.headersSent || response.destroyed) return;
  if (body === undefined) response.writeHead(status, { ...OPEN_TO_PAGES, ...headers }).end();
  else sendJson(response, body, status, { ...OPEN_TO_PAGES, ...headers });
}
