import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { assign, certain, type AssignmentQuestion } from '#libs/assignment';
import { encodeAssignment, routeInWords, TRACEPARENT, type Assignment } from '#libs/contracts';
import { newTraceparent } from '#libs/messaging';
import { sendProblem } from '#libs/platform';
import type { Allocations } from '../routing/allocations.js';
import type { ExperimentRoute, ServiceRoute } from '../routing/routing-table.js';
import { upstreamPath, type Upstream } from '../routing/upstream.js';
import type { MarkedRequest, Original, ShadowTraffic } from '../shadow/shadow-traffic.js';
import { tokenCheck } from '../token-check.js';
import type { PublicAddress } from './public-address.js';
import { Exchange, type ExchangeResult } from './exchange.js';
import { hasSmallBody, readSmallBody } from './request-body.js';
import type { RoutedRequest } from './routed-request.js';
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
  type UnitName,
} from './request-headers.js';
import type { UpstreamPools } from './upstream-pools.js';

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
  /** Copies of control's requests, where the order in force wants them. */
  readonly shadow: ShadowTraffic;
}

/** Handles one request for a service, by its name or its route. */
export type Proxy = (
  request: IncomingMessage,
  response: ServerResponse,
  address: Exclude<PublicAddress, { readonly kind: 'own' }>,
) => void;

/** Assigns, asks the variant's upstream, streams its answer back, tells how it ended. */
export function createProxy(options: ProxyOptions): Proxy {
  const isAuthorised = tokenCheck(options.overrideToken);

  return (request, response, address) => {
    const unready = options.unreadyReason();
    if (unready !== undefined) {
      const problem = { title: 'Not ready', status: 503, detail: unready };
      return refuse(request, response, problem, { 'retry-after': '1' });
    }
    if (address.kind !== 'service') return refuse(request, response, problemOf(request, address, options.allocations));
    const { service, path, rest } = address;
    const route = options.allocations.routeOf(service);
    if (!route) {
      const known = [...options.allocations.routes.keys()].sort().join(', ') || 'none';
      const detail = `no service "${service}"; known services: ${known}`;
      return refuse(request, response, { title: 'Unknown service', status: 404, detail });
    }
    if (request.method !== 'POST') {
      const problem = { title: 'Method not allowed', status: 405, detail: `${request.method} ${path}: expected POST` };
      return refuse(request, response, problem, { allow: 'POST' });
    }
    new ProxiedRequest(options, { request, response, route, path, rest }, isAuthorised).start();
  };
}

function problemOf(
  { method = 'GET' }: IncomingMessage,
  { kind, path }: Extract<PublicAddress, { readonly kind: 'unknown' | 'refused' }>,
  allocations: Allocations,
): { readonly title: string; readonly status: number; readonly detail: string } {
  if (kind === 'refused') {
    return { title: 'Bad path', status: 400, detail: `${path}: expected a path without "." and ".." in it` };
  }
  const routes = allocations.publicRoutes().map((route) => `${routeInWords(route)} (${route.service})`);
  const known = routes.length === 0 ? '' : `, or a path below ${routes.join(', ')}`;
  const detail = `${method} ${path}: no service has this path; expected /v1/services/{service}/…${known}`;
  return { title: 'Not found', status: 404, detail };
}

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: ServiceRoute;
  readonly path: string;
  /** What follows the service's name or route in it. */
  readonly rest: string;
}

/** One upstream that is asked, and what happens if it fails. */
interface Attempt {
  readonly attempt: number;
  readonly assignment: Assignment | null;
  readonly upstream: Upstream;
  /** The question to answer with control, should this upstream fail; undefined where control is asked already. */
  readonly fallback?: AssignmentQuestion | undefined;
  /** The request's, where it was read for an attempt before. */
  readonly body?: Buffer | undefined;
  /** It shall be a pair, if its body has a prompt. */
  readonly original?: Original | undefined;
}

class ProxiedRequest {
  private readonly requestId = randomUUID();
  private readonly startedAtMs = performance.now();
  private readonly startedAt = new Date().toISOString();
  private unitName: UnitName | null = null;
  /** The client's, or of a trace that begins here. */
  private readonly traceparent: string;

  constructor(
    private readonly options: ProxyOptions,
    private readonly incoming: Incoming,
    private readonly isAuthorised: (token: string | undefined) => boolean,
  ) {
    const trace = headerOf(incoming.request.headers, TRACEPARENT_HEADER);
    this.traceparent = trace !== undefined && TRACEPARENT.test(trace) ? trace : newTraceparent();
  }

  start(): void {
    const { route } = this.incoming;
    const first = { attempt: 0, assignment: null };
    if (route.kind === 'upstream') return this.ask({ ...first, upstream: route.upstream });
    if (!route.command) return this.ask({ ...first, upstream: this.upstreamOf(route, route.rules.control) });
    const question = this.questionFor(route);
    const assignment = assign(route.rules, question);
    const upstream = this.upstreamOf(route, assignment.variant);
    const fallback = assignment.variant === route.rules.control ? undefined : question;
    const { request, path, rest } = this.incoming;
    const original = { request, requestId: this.requestId, route, assignment, path, rest };
    const isChosen = this.options.shadow.isChosen(original);
    this.ask({ ...first, assignment, upstream, fallback, original: isChosen ? original : undefined });
  }

  private ask(asked: Attempt): void {
    const { assignment, upstream, fallback, body, original } = asked;
    const { requestId, options } = this;
    const { request, response, path: requested, rest } = this.incoming;
    let mayBePair = original;
    let marked: MarkedRequest | undefined;
    const assignmentNow = (): Assignment | null => marked?.assignment ?? assignment;
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
      clientHeadersOf: (headers) => clientHeaders(headers, requestId, headerValue(assignmentNow())),
      mayAskAnother: repeatable,
      onSettled: (result, answered) => {
        mayBePair = undefined;
        this.tell({ ...asked, assignment: assignmentNow() }, result);
        if (!answered && fallback) this.fallBack(fallback, sentBody);
        marked?.answered(result.outcome);
      },
    });
    const dispatch = (content: Buffer | IncomingMessage): void => {
      try {
        const assignmentHeader = headerValue(assignmentNow());
        const contentLength = marked?.body.length;
        const own = { requestId, traceparent: this.traceparent, assignmentHeader, contentLength };
        const headers = upstreamHeaders(request, own);
        const path = upstreamPath(upstream, requested, rest);
        options.pools.poolOf(upstream.origin).dispatch({ method: 'POST', path, headers, body: content }, exchange);
      } catch (error) {
        exchange.fail(error as Error);
      }
    };
    if (body) return dispatch(body);
    if (!small) return dispatch(request);
    readSmallBody(request, (read) => {
      marked = mayBePair && options.shadow.mark(mayBePair, read);
      sentBody = marked?.body ?? read;
      dispatch(sentBody);
    });
  }

  private fallBack(question: AssignmentQuestion, body: Buffer | undefined): void {
    const { route } = this.incoming;
    if (route.kind !== 'experiment') return;
    const { control } = route.rules;
    const assignment = certain(route.rules, question, control, 'FALLBACK');
    this.ask({ attempt: 1, assignment, upstream: this.upstreamOf(route, control), body });
  }

  private questionFor(route: ExperimentRoute): AssignmentQuestion {
    const { headers } = this.incoming.request;
    const { unitHeaders, allocations } = this.options;
    const override = headerOf(headers, OVERRIDE_HEADER);
    const { unit, name } = unitOf(headers, route.unit, this.requestId, unitHeaders);
    this.unitName = name;
    return {
      unit,
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

  private tell({ attempt, assignment, upstream }: Attempt, result: ExchangeResult): void {
    const { requestId, unitName, startedAt, traceparent, options } = this;
    const { service } = this.incoming.route;
    options.onRouted({
      ...result,
      requestId,
      attempt,
      service,
      assignment,
      unitName,
      upstream: upstream.url,
      startedAt,
      traceparent,
    });
  }
}

function headerValue(assignment: Assignment | null): string | undefined {
  return assignment ? encodeAssignment(assignment) : undefined;
}

function refuse(request: IncomingMessage, ...answer: Parameters<typeof sendProblem>): void {
  // The body nobody wants is read away, so that the connection stays usable.
  request.resume();
  sendProblem(...answer);
}
