import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { NOT_ASKED, routeInWords } from '#libs/contracts';
import { sendProblem } from '#libs/platform';
import type { Allocations } from '../routing/allocations.js';
import { baselineUpstream, type ServiceRoute } from '../routing/routing-table.js';
import type { Original, ShadowTraffic } from '../shadow/shadow-traffic.js';
import { NO_ANSWER, type ExchangeResult, type Failure } from './exchange.js';
import type { PublicAddress } from './public-address.js';
import { outcomeOfStatus } from './answer.js';
import type { OpenRequests } from './open-requests.js';
import type { IncomingRequest, ClientAnswer } from './client-answer.js';
import type { SentBody } from './client-body.js';
import type { Refusal } from './request-fault.js';
import type { RoutedRequest } from './routed-request.js';
import { RequestPlan, type PlanSources, type Target } from './request-plan.js';
import { passUpgrade, refuseUpgrade } from './upgrade.js';
import { UpstreamAttempt, type RequestUnderWay, type Attempt } from './upstream-attempt.js';
import type { UpstreamLimits } from './upstream-lanes.js';

export interface ProxyOptions extends PlanSources {
  readonly allocations: Allocations;
  readonly limits: Pick<UpstreamLimits, 'timeoutMs' | 'idleMs'>;
  /** Why requests can't be served at present; undefined when they can. */
  readonly unreadyReason: () => string | undefined;
  readonly onRouted: (routed: RoutedRequest) => void;
  /** Hears what clients are not told: the upstream's address, and what is wrong with it. */
  readonly onTrouble: (upstream: string, what: string) => void;
  /** Where requests are noted until they end. */
  readonly open: OpenRequests;
  /** Copies of control's requests, where the order in force wants them. */
  readonly shadow: ShadowTraffic;
}

type AskedAddress = Exclude<PublicAddress, { readonly kind: 'own' | 'flags' | 'state' }>;

/** Handles requests for services, by their names or routes. */
export interface Proxy {
  pass(
    request: IncomingRequest,
    response: ClientAnswer,
    asked: { readonly address: AskedAddress; readonly body: SentBody },
  ): void;
  /** @param socket the client's connection, which it wants to use otherwise; `head` has come over it already */
  upgrade(
    request: IncomingMessage,
    asked: { readonly address: AskedAddress; readonly socket: Duplex; readonly head: Buffer },
  ): void;
}

/** Assigns, asks the variant's upstream, streams its answer back, tells how it ended. */
export function createProxy(options: ProxyOptions): Proxy {
  return {
    pass(request, response, { address, body }) {
      const found = findRoute(request, address, options);
      if ('status' in found) return refuse(body, response, found, found.status === 503 ? RETRY_SOON : {});
      new ProxiedRequest(options, { request, response, ...found, body }).start();
    },
    upgrade(request, { address, socket, head }) {
      const found = findRoute(request, address, options);
      if ('status' in found) return refuseUpgrade(socket, found.status, found.detail);
      const plan = new RequestPlan(options, request, found.route);
      const { limits, onTrouble } = options;
      const onAnswer = (target: Target, status: number | null): void => {
        const outcome = status === null ? 'server-error' : status < 400 ? 'delivered' : outcomeOfStatus(status, {});
        options.onRouted(routedOf({ ...target, attempt: 0 }, { ...NO_ANSWER, outcome, status }, plan, found.route));
      };
      passUpgrade({ request, socket, head, address: found, plan, timeoutMs: limits.timeoutMs, onAnswer, onTrouble });
    },
  };
}

const RETRY_SOON = { 'retry-after': '1' };

interface Found {
  readonly route: ServiceRoute;
  readonly path: string;
  /** What follows the service's name or route in it. */
  readonly rest: string;
}

/** Whose the request is, or why it is nobody's. */
function findRoute(
  request: IncomingRequest,
  address: AskedAddress,
  { allocations, unreadyReason }: ProxyOptions,
): Found | Refusal {
  const unready = unreadyReason();
  if (unready !== undefined) return { title: 'Not ready', status: 503, detail: unready };
  if (address.kind !== 'service') return problemOf(request, address, allocations);
  const { service, path, rest } = address;
  const route = allocations.routeOf(service);
  if (route && baselineUpstream(route).url !== NOT_ASKED) return { route, path, rest };
  if (route) {
    const detail = `"${service}" is a feature: its flag says what to do, POST /ofrep/v1/evaluate/flags/${service}; nothing is asked of it`;
    return { title: 'Not a model', status: 404, detail };
  }
  const known = [...allocations.routes.keys()].sort().join(', ') || 'none';
  return { title: 'Unknown service', status: 404, detail: `no service "${service}"; known services: ${known}` };
}

function problemOf(
  { method = 'GET' }: IncomingRequest,
  { kind, path }: Extract<PublicAddress, { readonly kind: 'unknown' | 'refused' }>,
  allocations: Allocations,
): Refusal {
  if (kind === 'refused') {
    return { title: 'Bad path', status: 400, detail: `${path}: expected a path without "." and ".." in it` };
  }
  const routes = allocations.publicRoutes().map((route) => `${routeInWords(route)} (${route.service})`);
  const known = routes.length === 0 ? '' : `, or a path below ${routes.join(', ')}`;
  const detail = `${method} ${path}: no service has this path; expected /v1/services/{service}/…${known}`;
  return { title: 'Not found', status: 404, detail };
}

interface Incoming extends Found {
  readonly request: IncomingRequest;
  readonly response: ClientAnswer;
  readonly body: SentBody;
}

class ProxiedRequest implements RequestUnderWay {
  readonly plan: RequestPlan;
  readonly body: SentBody;
  /** Tells that the first that was asked has answered, or will not. */
  private ended: (() => void) | undefined;

  constructor(
    readonly options: ProxyOptions,
    readonly incoming: Incoming,
  ) {
    const { request, route, body } = incoming;
    this.plan = new RequestPlan(options, request, route);
    this.body = body;
  }

  start(): void {
    const { first, requestId, isForwarded, route } = this.plan;
    const { request, path, rest } = this.incoming;
    const { assignment, upstream, lane } = first;
    let original: Original | undefined;
    if (assignment !== null && route.kind === 'experiment' && this.options.shadow.isOrdered(route)) {
      const asked = { request, requestId, isForwarded, route, assignment, path, rest };
      if (this.options.shadow.isChosen(asked)) original = asked;
    }
    this.ask({ assignment, upstream, lane, attempt: 0, original });
  }

  /** Asks it, or whoever is next where it is left alone or has no place; where nobody is, it is asked all the same. */
  private ask(asked: Attempt): void {
    const { lane } = asked;
    if (this.plan.hasNext && !lane.health.mayTry()) {
      if (lane.health.countsFailure()) this.tell(asked, NO_CONNECTION);
      return this.askNext(asked);
    }
    if (!lane.isFull) return this.send(asked);
    // Where clients that do not read hold the places, it says nothing of the variant.
    if (!lane.pool.isHeldByClients) this.tell(asked, SHED);
    if (this.plan.hasNext) return this.askNext(asked);
    const { response } = this.incoming;
    const detail = 'The upstream has more requests than it can take. Trying again may help.';
    refuse(this.body, response, { title: 'Too many requests', status: 503, detail }, RETRY_SOON);
  }

  askNext({ attempt }: Attempt): void {
    const target = this.plan.next();
    if (target) this.ask({ ...target, attempt: attempt + 1 });
  }

  private send(asked: Attempt): void {
    const { limits, open } = this.options;
    if (asked.attempt === 0 && this.plan.judged && asked.assignment) this.ended = open.begin(asked.assignment);
    const timeoutMs = asked.attempt === 0 ? limits.timeoutMs : this.timeLeftMs();
    new UpstreamAttempt(asked, this, { timeoutMs, idleMs: limits.idleMs }).start();
  }

  private timeLeftMs(): number {
    return Math.max(1, this.options.limits.timeoutMs - (performance.now() - this.plan.startedAtMs));
  }

  /** A job that is looked up at another variant than made it is found there; only what the upstream has had nothing of is asked again of itself. */
  mayAskAnother(failure: Failure): boolean {
    const { plan, body } = this;
    if (!plan.hasNext || !body.canBeSentAgain) return false;
    if (failure.kind === 'broken') return failure.unsent || plan.mayRepeat;
    return failure.status === 404 ? plan.isSafe : failure.status >= 500 && plan.mayRepeat;
  }

  tell(asked: Attempt, result: ExchangeResult): void {
    if (asked.attempt === 0) this.ended?.();
    this.options.onRouted(routedOf(asked, result, this.plan, this.incoming.route));
  }
}

function routedOf(
  { attempt, assignment, upstream }: Attempt,
  result: ExchangeResult,
  { requestId, unitName, startedAt, traceparent, cause, judged, drawn }: RequestPlan,
  { service }: ServiceRoute,
): RoutedRequest {
  const { outcome, status, durationMs, waitedMs, clientMs, instance } = result;
  const [slot, unit] = [drawn?.slot, drawn?.unit];
  return {
    outcome,
    status,
    durationMs,
    waitedMs,
    clientMs,
    instance,
    judged,
    requestId,
    attempt,
    service,
    assignment,
    unitName,
    upstream: upstream.url,
    startedAt,
    traceparent,
    cause,
    slot,
    unit,
  };
}

/** Of a request that went on without an upstream that has not answered for a while. */
const NO_CONNECTION: ExchangeResult = { ...NO_ANSWER, outcome: 'server-error' };
/** Of a request that found no place. */
const SHED: ExchangeResult = { ...NO_ANSWER, outcome: 'refused', status: 503 };

function refuse(body: SentBody, ...answer: Parameters<typeof sendProblem>): void {
  body.skip();
  sendProblem(...answer);
}
