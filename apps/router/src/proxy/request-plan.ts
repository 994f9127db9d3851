import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { certain, type AssignmentQuestion } from '#libs/assignment';
import { isoTime, type Assignment } from '#libs/contracts';
import type { FeedbackTokens, Tracer, TrustedProxies } from '#libs/platform';
import type { AssignmentSignatures } from '#libs/telemetry';
import type { ExperimentRoute, ServiceRoute, WholeRoute } from '../routing/routing-table.js';
import type { Upstream } from '../routing/upstream.js';
import type { IncomingRequest } from './client-answer.js';
import { draw, type DrawnAsker, type DrawSources } from './draw.js';
import type { DrawnPart } from './taken-route.js';
import {
  attributesOf,
  headerOf,
  overrideIn,
  traceIn,
  unitOf,
  type ClientFacts,
  type RouterHeaders,
  type TraceOfClient,
  type UnitHeaders,
  type UnitName,
} from './request-headers.js';
import type { OverrideCheck } from '../override-tokens.js';
import type { UnitCookie } from './unit-cookie.js';
import type { UpstreamLane, UpstreamLanes } from './upstream-lanes.js';

/** Methods that change nothing, so that asking twice does no harm (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

const NOTHING_SAID: IncomingHttpHeaders = {};

/** What a plan is made with. */
export interface PlanSources extends DrawSources {
  readonly lanes: UpstreamLanes;
  readonly unitHeaders: UnitHeaders;
  /** Who may say in them which unit asks, and its attributes: whoever asks, or trusted proxies alone. */
  readonly unitsNamedBy: 'anybody' | 'proxies';
  /** For who has no name; undefined: nobody is given one. */
  readonly cookie: UnitCookie | undefined;
  readonly mayOverride: OverrideCheck;
  /** Whose word on a client counts. */
  readonly proxies: TrustedProxies;
  /** Undefined: feedback needs no token. */
  readonly feedback: Pick<FeedbackTokens, 'of'> | undefined;
  /** Undefined: what upstreams are told of an assignment is not signed. */
  readonly signatures: Pick<AssignmentSignatures, 'of'> | undefined;
  readonly tracer: Pick<Tracer, 'child'>;
}

/** One upstream that may be asked. */
export interface Target {
  readonly assignment: Assignment | null;
  readonly upstream: Upstream;
  readonly lane: UpstreamLane;
}

/**
 * Who is asked for one request, and who else where that fails. A candidate's requests fall back to control; what may be repeated goes the other
 * way as well, to candidates that have a share of their own.
 */
export class RequestPlan {
  readonly requestId = randomUUID();
  readonly startedAtMs = performance.now();
  readonly startedAt = isoTime(Date.now());
  /** What is passed on: of the router's part in the client's trace, or of a trace that begins here. */
  readonly traceparent: string;
  /** What the client sent. */
  readonly cause: TraceOfClient;
  /** Whether its end is told: a generation is a POST, what is polled or looked up is none. */
  readonly judged: boolean;
  readonly isSafe: boolean;
  /** It comes from a proxy whose word on the client counts. */
  readonly isForwarded: boolean;
  /** Safe, or said to be by its idempotency key. */
  readonly mayRepeat: boolean;
  readonly first: Target;
  private readonly others: string[];
  private readonly question: AssignmentQuestion | undefined;
  private newCookie: string | undefined;
  /** Whether the request named its unit; null where none was asked for. */
  readonly unitName: UnitName | null;
  /** What the request's part of the service is served by. */
  readonly route: WholeRoute;
  /** The part of a divided service that the request's unit is in; undefined where one slot spans the service. */
  readonly drawn: DrawnPart | undefined;

  constructor(
    private readonly sources: PlanSources,
    private readonly request: IncomingRequest,
    serviceRoute: ServiceRoute,
  ) {
    const { method = 'GET', headers } = request;
    this.cause = traceIn(headers);
    this.traceparent = sources.tracer.child(this.cause.traceparent);
    this.judged = method === 'POST';
    this.isSafe = SAFE.has(method);
    this.isForwarded = sources.proxies.sent(request);
    this.mayRepeat = this.isSafe || headers['idempotency-key'] !== undefined;
    const drawn = draw(serviceRoute, this.asker(serviceRoute), sources);
    this.route = drawn.route;
    this.drawn = drawn.drawn;
    this.unitName = drawn.unitName;
    const { assigned } = drawn;
    this.question = assigned?.question;
    this.first = assigned ? this.target(assigned.route, assigned.assignment) : this.baseline(drawn.route);
    this.others = assigned ? othersOf(assigned.assignment, this.mayRepeat) : [];
  }

  /** For a client that has no name and no cookie yet. */
  get setCookie(): string | undefined {
    return this.newCookie;
  }

  /** For whoever gets the picture; what is no request for one has nothing to be told of. */
  get feedbackToken(): string | undefined {
    return this.judged ? this.sources.feedback?.of(this.requestId) : undefined;
  }

  /** What the client is told beside the answer. */
  clientFacts(assignmentHeader: string | undefined): ClientFacts {
    const { requestId, feedbackToken, setCookie } = this;
    return { requestId, assignmentHeader, feedbackToken, setCookie };
  }

  /** What an upstream is told beside the request. */
  routerHeaders(assignmentHeader: string | undefined): RouterHeaders {
    const { isForwarded, requestId, traceparent } = this;
    return { isForwarded, requestId, traceparent, assignmentHeader, signatures: this.sources.signatures };
  }

  get hasNext(): boolean {
    return this.others.length > 0;
  }

  /** Whoever is asked next, instead of those before. */
  next(): Target | undefined {
    const variant = this.others.shift();
    if (variant === undefined || this.route.kind !== 'experiment' || !this.question) return undefined;
    return this.target(this.route, certain(this.route.rules, this.question, variant, 'FALLBACK'));
  }

  /** The headers in which a unit may be named and described here: none of whoever could choose a variant by them. */
  private get saidOfUnit(): IncomingHttpHeaders {
    return this.sources.unitsNamedBy === 'anybody' || this.isForwarded ? this.request.headers : NOTHING_SAID;
  }

  /** Who has no name is known by a cookie, where routers give them. */
  private unitOf(kind: ExperimentRoute['unit']): ReturnType<typeof unitOf> {
    const { headers } = this.request;
    const { unitHeaders, cookie } = this.sources;
    const found = unitOf(this.saidOfUnit, kind, this.requestId, unitHeaders);
    if (found.name === 'named' || !cookie) return found;
    const known = cookie.read(headers.cookie);
    if (known !== undefined) return { unit: known, name: 'cookie' };
    const { unit, setCookie } = cookie.issue(this.isForwarded && headerOf(headers, 'x-forwarded-proto') === 'https');
    this.newCookie = setCookie;
    return { unit, name: found.name };
  }

  private baseline(route: WholeRoute): Target {
    const { service } = route;
    const upstream = route.kind === 'upstream' ? route.upstream : upstreamOf(route, route.rules.control);
    return { assignment: null, upstream, lane: this.sources.lanes.laneOf(upstream, { service, variant: '' }) };
  }

  private target(route: ExperimentRoute, assignment: Assignment): Target {
    const { variant } = assignment;
    const upstream = upstreamOf(route, variant);
    const lane = this.sources.lanes.laneOf(upstream, { service: route.service, variant });
    return { assignment, upstream, lane };
  }

  private asker({ service }: ServiceRoute): DrawnAsker {
    const { headers } = this.request;
    return {
      unitOf: (kind) => this.unitOf(kind),
      override: overrideIn(headers, service, this.sources.mayOverride),
      attributes: () => attributesOf(this.saidOfUnit),
      askedAt: this.startedAt,
    };
  }
}

/** Nobody is served by a variant without a share: where one was certain, only control stands in for it. */
function othersOf({ variant, control, weightsPpm }: Assignment, mayRepeat: boolean): string[] {
  const others = variant === control ? [] : [control];
  if (!mayRepeat) return others;
  for (const name in weightsPpm) {
    if (name !== variant && name !== control && (weightsPpm[name] as number) > 0) others.push(name);
  }
  return others;
}

function upstreamOf(route: ExperimentRoute, variant: string): Upstream {
  const upstream = route.upstreams.get(variant);
  if (!upstream) throw new Error(`${route.rules.experiment}: variant "${variant}" has no upstream`);
  return upstream;
}
