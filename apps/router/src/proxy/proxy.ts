import { randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { assign, certain, type AssignmentQuestion } from '#libs/assignment';
import { encodeAssignment, TRACEPARENT, type Assignment } from '#libs/contracts';
import { newTraceparent } from '#libs/messaging';
import type { Allocations } from '../routing/allocations.js';
import type { ExperimentRoute, ServiceRoute } from '../routing/routing-table.js';
import { upstreamPath, type Upstream } from '../routing/upstream.js';
import { Exchange, type ExchangeResult } from './exchange.js';
import { hasSmallBody, readSmallBody } from './request-body.js';
import {
  attributesOf,
  clientHeaders,
  headerOf,
  OVERRIDE_HEADER,
  OVERRIDE_TOKEN_HEADER,
  TRACEPARENT_HEADER,
  unitOf,
  upstreamHeaders,
  type UnitHeaders,
} from './request-headers.js';
import { sendProblem } from './send-problem.js';
import type { UpstreamPools } from './upstream-pools.js';

/** One upstream's part in one request, for the event and the metrics. */
export interface RoutedRequest extends ExchangeResult {
  readonly requestId: string;
  /** 0 for the first upstream that was asked, 1 for the one asked after it had failed. */
  readonly attempt: number;
  readonly service: string;
  readonly assignment: Assignment | null;
  readonly upstream: string;
  readonly startedAt: string;
  readonly traceparent: string;
}

export interface ProxyOptions {
  readonly allocations: Allocations;
  readonly pools: UpstreamPools;
  readonly timeoutMs: number;
  readonly unitHeaders: UnitHeaders;
  /** Who knows it may choose the variant; undefined: nobody may. */
  readonly overrideToken: string | undefined;
  /** Why requests can't be served at present; undefined when they can. */
  readonly unreadyReason: () => string | undefined;
  readonly onRouted: (routed: RoutedRequest) => void;
}

const PREFIX = '/v1/services/';

/** Whether a request is for the proxy. */
export function isProxied(url: string): boolean {
  return url.startsWith(PREFIX);
}

/** Handles `POST /v1/services/{service}/…`: assigns, asks the variant's upstream, streams its answer back, tells how it ended. */
export function createProxy(options: ProxyOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const isAuthorised = tokenCheck(options.overrideToken);

  return (request, response) => {
    const path = request.url as string;
    const { service, afterService } = parsePath(path);
    const route = options.allocations.routeOf(service);
    const unready = options.unreadyReason();
    if (unready !== undefined) {
      return refuse(request, response, 503, 'Not ready', unready, { 'retry-after': '1' });
    }
    if (!route) {
      const known = [...options.allocations.routes.keys()].sort().join(', ') || 'none';
      return refuse(request, response, 404, 'Unknown service', `no service "${service}"; known services: ${known}`);
    }
    if (request.method !== 'POST') {
      const detail = `${request.method} ${path}: expected POST ${PREFIX}{service}/…`;
      return refuse(request, response, 405, 'Method not allowed', detail, { allow: 'POST' });
    }
    new ProxiedRequest(options, request, response, route, path, afterService, isAuthorised).start();
  };
}

class ProxiedRequest {
  private readonly requestId = randomUUID();
  private readonly startedAtMs = performance.now();
  private readonly startedAt = new Date().toISOString();
  /** The client's, or of a trace that begins here. */
  private readonly traceparent: string;

  constructor(
    private readonly options: ProxyOptions,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly route: ServiceRoute,
    private readonly path: string,
    private readonly afterService: string,
    private readonly isAuthorised: (token: string | undefined) => boolean,
  ) {
    const trace = headerOf(request.headers, TRACEPARENT_HEADER);
    this.traceparent = trace !== undefined && TRACEPARENT.test(trace) ? trace : newTraceparent();
  }

  start(): void {
    const { route } = this;
    if (route.kind === 'upstream') return this.ask(0, null, route.upstream, undefined);
    if (!route.command) return this.ask(0, null, this.upstreamOf(route, route.rules.control), undefined);
    const question = this.questionFor(route);
    const assignment = assign(route.rules, question);
    const upstream = this.upstreamOf(route, assignment.variant);
    this.ask(0, assignment, upstream, assignment.variant === route.rules.control ? undefined : question);
  }

  /** @param fallback the question to answer with control, should this upstream fail; undefined where control was asked already */
  private ask(
    attempt: number,
    assignment: Assignment | null,
    upstream: Upstream,
    fallback: AssignmentQuestion | undefined,
    body?: Buffer,
  ): void {
    const { request, response, requestId, options } = this;
    const assignmentHeader = assignment ? encodeAssignment(assignment) : undefined;
    const small = hasSmallBody(request);
    // Whoever sends an idempotency key says that the request may be repeated.
    const repeatable = fallback !== undefined && small && request.headers['idempotency-key'] !== undefined;
    let sentBody = body;
    const exchange = new Exchange({
      request,
      response,
      upstreamUrl: upstream.url,
      startedAtMs: this.startedAtMs,
      timeoutMs: Math.max(1, options.timeoutMs - (performance.now() - this.startedAtMs)),
      clientHeadersOf: (headers) => clientHeaders(headers, requestId, assignmentHeader),
      mayAskAnother: repeatable,
      onSettled: (result, answered) => {
        this.tell(attempt, assignment, upstream, result);
        if (!answered && fallback) this.fallBack(fallback, sentBody);
      },
    });
    const dispatch = (content: Buffer | IncomingMessage): void => {
      try {
        const headers = upstreamHeaders(request, { requestId, traceparent: this.traceparent, assignmentHeader });
        const path = upstreamPath(upstream, this.path, this.afterService);
        options.pools.poolOf(upstream.origin).dispatch({ method: 'POST', path, headers, body: content }, exchange);
      } catch (error) {
        exchange.fail(error as Error);
      }
    };
    if (body) return dispatch(body);
    if (!small) return dispatch(request);
    readSmallBody(request, (read) => {
      sentBody = read;
      dispatch(read);
    });
  }

  private fallBack(question: AssignmentQuestion, body: Buffer | undefined): void {
    const { route } = this;
    if (route.kind !== 'experiment') return;
    const { control } = route.rules;
    const assignment = certain(route.rules, question, control, 'FALLBACK');
    this.ask(1, assignment, this.upstreamOf(route, control), undefined, body);
  }

  private questionFor(route: ExperimentRoute): AssignmentQuestion {
    const { headers } = this.request;
    const { unitHeaders, allocations } = this.options;
    const override = headerOf(headers, OVERRIDE_HEADER);
    return {
      unit: unitOf(headers, route.unit, this.requestId, unitHeaders),
      attributes: route.rules.audience.length > 0 ? attributesOf(headers) : {},
      override:
        override !== undefined && this.isAuthorised(headerOf(headers, OVERRIDE_TOKEN_HEADER)) ? override : undefined,
      failSafe: allocations.isFailSafe(route),
      assignedAt: this.startedAt,
    };
  }

  private upstreamOf(route: ExperimentRoute, variant: string): Upstream {
    const upstream = route.upstreams.get(variant);
    if (!upstream) throw new Error(`${route.rules.experiment}: variant "${variant}" has no upstream`);
    return upstream;
  }

  private tell(attempt: number, assignment: Assignment | null, upstream: Upstream, result: ExchangeResult): void {
    const { requestId, startedAt, traceparent, route, options } = this;
    const { service } = route;
    options.onRouted({
      ...result,
      requestId,
      attempt,
      service,
      assignment,
      upstream: upstream.url,
      startedAt,
      traceparent,
    });
  }
}

/** `/v1/services/text-to-image/generations?x=1` → `text-to-image` and `/generations?x=1`. */
function parsePath(path: string): { readonly service: string; readonly afterService: string } {
  const end = path.slice(PREFIX.length).search(/[/?]/);
  if (end === -1) return { service: path.slice(PREFIX.length), afterService: '' };
  return { service: path.slice(PREFIX.length, PREFIX.length + end), afterService: path.slice(PREFIX.length + end) };
}

function refuse(request: IncomingMessage, ...answer: Parameters<typeof sendProblem>): void {
  // The body nobody wants is read away, so that the connection stays usable.
  request.resume();
  sendProblem(...answer);
}

function tokenCheck(expected: string | undefined): (token: string | undefined) => boolean {
  if (expected === undefined) return () => false;
  const wanted = Buffer.from(expected);
  return (token) => {
    if (token === undefined) return false;
    const given = Buffer.from(token);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  };
}
