import { randomUUID } from 'node:crypto';
import { Logger, type LoggerService } from '@nestjs/common';
import { Registry } from 'prom-client';
import { UNIT_HEADER } from '#libs/contracts';
import type { OrderTrust } from '#libs/messaging';
import { assignmentSignatures, type AssignmentSignatures } from '#libs/telemetry';
import { noTracer, type AddressRange, type FeedbackTokens, type Tracer, type UnitNames } from '#libs/platform';
import type { UnitHeaders } from './proxy/request-headers.js';
import type { UpstreamLimits } from './proxy/upstream-lanes.js';
import type { OwnedRoute } from './routing/public-routes.js';

export interface RouterOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Name of this router in its answers to commands. Default: a new one at every start. */
  readonly routerId?: string;
  /** Upstream by service, for services that no experiment knows. */
  readonly upstreams?: Readonly<Record<string, string>>;
  /** From where orders may have services served; what names another host is not obeyed. Default: from anywhere. */
  readonly upstreamHosts?: readonly string[] | undefined;
  /** Public paths of services whose route no order names. */
  readonly routes?: readonly OwnedRoute[];
  /** Time and connection limits of every upstream. */
  readonly limits?: Partial<UpstreamLimits>;
  readonly unitHeaders?: Partial<UnitHeaders>;
  /** Signs the cookies by which people without a name keep their variant. Without it there are none. */
  readonly cookieKey?: string;
  /** Whoever sends it may choose the variant with `teststrip-override`. Without it nobody may. */
  readonly overrideToken?: string;
  /** Whoever has it may send a service to its baseline by hand. Without it nobody may. */
  readonly breakGlassToken?: string;
  /** Where the state is kept for a start without the bus. Without it the router can't start then. */
  readonly lastKnownGoodFile?: string;
  /** How long requests under way may take when the router is closed. Default 10 s. */
  readonly drainMs?: number;
  /** How long an event waits for company. Default 5 ms. */
  readonly eventDelayMs?: number;
  /** Events kept while the bus is away. Default 100 000. */
  readonly maxQueuedEvents?: number;
  /** How long one attempt to reach the bus at the start may take. Default 5 s. */
  readonly busAttemptMs?: number;
  /** Proxies in front of it, whose word on the client counts. Default: none. */
  readonly trustedProxies?: readonly AddressRange[];
  /** Who may say in headers which unit asks: whoever asks, or trusted proxies alone. Default: anybody. */
  readonly unitsNamedBy?: 'anybody' | 'proxies';
  /** Requests that one client may have under way. Default: the usual number, but for clients of private networks. */
  readonly clientRequests?: number | 'any' | undefined;
  /** With more of users' requests under way no request is copied to a candidate in the shadow. Default 128. */
  readonly shadowBusyAbove?: number;
  /** File that names the proxies whose weights it keeps. Default: none. */
  readonly weightsFile?: string | undefined;
  /** Gives whoever asked for a picture the token that feedback about it needs. Default: nobody gets one. */
  readonly feedback?: FeedbackTokens | undefined;
  /** Signs what services are told of the assignment of a request. Default: nothing is signed. */
  readonly assignmentKey?: string | undefined;
  /** How units are told to services and in events. Default: by their own names. */
  readonly unitNames?: Pick<UnitNames, 'of'> | undefined;
  /** Whose definitions, orders and signs of life count. Default: everybody's. */
  readonly trust?: OrderTrust;
  /** Keeps spans of requests and of orders. Default: none are kept. */
  readonly tracer?: Tracer;
  /** Registry of its metrics. Default: one of its own. */
  readonly metrics?: Registry;
  readonly logger?: Pick<LoggerService, 'log' | 'warn'> | undefined;
  /** Whether a request that comes whole is read before Node.js's server gets it. Default true; for tests, which hold both ways against each other. */
  readonly readsWhole?: boolean;
  /** Milliseconds of a clock that never goes back; for tests. */
  readonly monotonicMs?: () => number;
}

/** Options with every default filled in. */
export interface RouterSettings {
  readonly host: string;
  readonly port: number;
  readonly routerId: string;
  readonly upstreams: Readonly<Record<string, string>>;
  readonly upstreamHosts: readonly string[] | undefined;
  readonly routes: readonly OwnedRoute[];
  readonly limits: UpstreamLimits;
  readonly unitHeaders: UnitHeaders;
  readonly cookieKey: string | undefined;
  readonly overrideToken: string | undefined;
  readonly breakGlassToken: string | undefined;
  readonly lastKnownGoodFile: string | undefined;
  readonly drainMs: number;
  readonly eventDelayMs: number;
  readonly maxQueuedEvents: number;
  readonly busAttemptMs: number;
  readonly watchEveryMs: number;
  readonly trustedProxies: readonly AddressRange[];
  readonly unitsNamedBy: 'anybody' | 'proxies';
  readonly clientRequests: number | 'any' | undefined;
  readonly shadowBusyAbove: number;
  readonly weightsFile: string | undefined;
  readonly feedback: FeedbackTokens | undefined;
  readonly signatures: AssignmentSignatures | undefined;
  readonly unitNames: Pick<UnitNames, 'of'> | undefined;
  readonly trust: OrderTrust | undefined;
  readonly tracer: Tracer;
  readonly metrics: Registry;
  readonly logger: Pick<LoggerService, 'log' | 'warn'>;
  readonly readsWhole: boolean;
  readonly monotonicMs: () => number;
}

const USUAL_LIMITS: UpstreamLimits = {
  timeoutMs: 60_000,
  idleMs: 60_000,
  connections: 256,
  queue: 256,
  connectTimeoutMs: 5_000,
  ejection: { failures: 5, forMs: 1_000, longestMs: 30_000 },
};

export function withDefaults(options: RouterOptions): RouterSettings {
  return {
    host: options.host ?? '127.0.0.1',
    port: options.port,
    routerId: options.routerId ?? `router-${randomUUID().slice(0, 8)}`,
    upstreams: options.upstreams ?? {},
    upstreamHosts: options.upstreamHosts,
    routes: options.routes ?? [],
    limits: { ...USUAL_LIMITS, ...options.limits },
    unitHeaders: { user: UNIT_HEADER, session: 'teststrip-session', ...options.unitHeaders },
    cookieKey: options.cookieKey,
    overrideToken: options.overrideToken,
    breakGlassToken: options.breakGlassToken,
    lastKnownGoodFile: options.lastKnownGoodFile,
    drainMs: options.drainMs ?? 10_000,
    eventDelayMs: options.eventDelayMs ?? 5,
    maxQueuedEvents: options.maxQueuedEvents ?? 100_000,
    busAttemptMs: options.busAttemptMs ?? 5_000,
    watchEveryMs: 250,
    trustedProxies: options.trustedProxies ?? [],
    unitsNamedBy: options.unitsNamedBy ?? 'anybody',
    clientRequests: options.clientRequests,
    shadowBusyAbove: options.shadowBusyAbove ?? 128,
    weightsFile: options.weightsFile,
    feedback: options.feedback,
    signatures: options.assignmentKey === undefined ? undefined : assignmentSignatures(options.assignmentKey),
    unitNames: options.unitNames,
    trust: options.trust,
    tracer: options.tracer ?? noTracer,
    metrics: options.metrics ?? new Registry(),
    logger: options.logger ?? new Logger('router'),
    readsWhole: options.readsWhole ?? true,
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
  };
}
