import { randomUUID } from 'node:crypto';
import { encodeAssignment, MILLION, type Assignment, type PairMark } from '#libs/contracts';
import { newTraceparent } from '#libs/platform';
import type { AssignmentSignatures } from '#libs/telemetry';
import type { IncomingRequest } from '../proxy/client-answer.js';
import { NO_ANSWER, type ExchangeResult } from '../proxy/exchange.js';
import { hasSmallBody } from '../proxy/client-body.js';
import { assignmentHeaders, SHADOW_HEADER, upstreamHeaders } from '../proxy/request-headers.js';
import type { RoutedRequest } from '../proxy/routed-request.js';
import type { UpstreamLanes, UpstreamLimits } from '../proxy/upstream-lanes.js';
import type { ExperimentRoute } from '../routing/routing-table.js';
import { upstreamPath, type Upstream } from '../routing/upstream.js';
import { CopyExchange } from './copy-exchange.js';
import { readPromptBody } from './prompt-body.js';
import { isCopied, seedFor } from './shadow-draw.js';
import type { DropReason, ShadowMetrics } from './shadow-metrics.js';

export interface ShadowOptions {
  readonly routeOf: (service: string, experiment: string) => ExperimentRoute | undefined;
  readonly isFailSafe: (route: ExperimentRoute) => boolean;
  /** Of its own: copies take no connection from users' requests. */
  readonly lanes: UpstreamLanes;
  readonly limits: Pick<UpstreamLimits, 'timeoutMs' | 'idleMs'>;
  /** With more of users' requests under way nothing is copied. */
  readonly busyAbove: number;
  /** Users' requests under way. */
  readonly inFlight: () => number;
  readonly isStopping: () => boolean;
  readonly metrics: ShadowMetrics;
  /** Undefined: what candidates are told of an assignment is not signed. */
  readonly signatures: Pick<AssignmentSignatures, 'of'> | undefined;
  /** Hears of every copy that was promised, also of those that were never sent. */
  readonly onCopied: (routed: RoutedRequest) => void;
}

/** A request that somebody made, with the variant it was assigned. */
export interface Original {
  readonly request: IncomingRequest;
  readonly requestId: string;
  /** It came from a trusted proxy. */
  readonly isForwarded: boolean;
  readonly route: ExperimentRoute;
  readonly assignment: Assignment;
  readonly path: string;
  /** What follows the service's name or route in it. */
  readonly rest: string;
}

/** How the answer to the original went. */
type Answered = Pick<ExchangeResult, 'outcome' | 'clientMs'>;

/** A request that becomes a pair: what it is sent with, and who is told when it was answered. */
export interface MarkedRequest {
  readonly assignment: Assignment;
  readonly body: Buffer;
  /** Its answer has ended; the copy is sent now, or given up. */
  answered(how: Answered): void;
}

interface Copy {
  readonly service: string;
  readonly candidate: string;
  readonly experiment: string;
  readonly requestId: string;
  readonly upstream: Upstream;
  readonly assignment: Assignment;
  readonly path: string;
  /** Without those of one connection, which nothing is known of yet. */
  readonly headersOf: (assignment: Assignment) => string[];
  readonly body: Buffer;
  readonly traceparent: string;
}

/** A stored answer to control's request is no answer to this one. */
const NOT_COPIED = new Set(['idempotency-key', 'x-idempotency-key', 'tracestate']);

/**
 * Copies of control's requests that go to candidates. A copy never delays anybody: it is promised while the request is assigned, where there is room for
 * it, and sent when the answer to the request has ended; the candidate's answer is read and dropped.
 */
export class ShadowTraffic {
  /** Promised or sent, by experiment. */
  private readonly held = new Map<string, number>();
  private readonly turns = new Map<string, number>();
  private readonly running = new Set<CopyExchange>();

  constructor(private readonly options: ShadowOptions) {}

  get underWay(): number {
    return [...this.held.values()].reduce((sum, held) => sum + held, 0);
  }

  /** Whether the order in force wants copies at all. */
  isOrdered({ command }: ExperimentRoute): boolean {
    return command?.shadow !== undefined;
  }

  /** Whether a request shall be a pair, as far as that can be told without its body. */
  isChosen({ request, requestId, route, assignment }: Original): boolean {
    const shadow = route.command?.shadow;
    // What was not drawn is no part of the comparison: outside the audience, asked for by name, without a controller.
    if (shadow === undefined || assignment.reason !== 'SPLIT' || assignment.variant !== assignment.control)
      return false;
    if (request.method !== 'POST' || !isCopied(assignment.experiment, requestId, shadow.ratePpm)) return false;
    const reason = hasSmallBody(request) ? this.fullness(route) : 'large-body';
    if (reason !== undefined) this.options.metrics.notMarked(route.service, reason);
    return reason === undefined;
  }

  /** Promises the copy of a chosen request. @returns undefined where it can't be one: the request goes its way as it came. */
  mark(original: Original, body: Buffer): MarkedRequest | undefined {
    const { request, requestId, route } = original;
    const candidate = this.nextCandidate(route);
    const upstream = route.upstreams.get(candidate);
    // Whether there is room costs nothing to know; the prompt has to be looked for.
    const asked =
      this.fullness(route) ??
      (upstream === undefined
        ? 'unknown-candidate'
        : readPromptBody(request, body, { value: seedFor(requestId), at: route.command?.shadow?.seed }));
    if (typeof asked === 'string' || upstream === undefined) {
      this.options.metrics.notMarked(route.service, asked as DropReason);
      return undefined;
    }
    this.turns.set(route.rules.experiment, (this.turns.get(route.rules.experiment) ?? 0) + 1);
    const pair = { request: requestId, candidate, prompt: asked.prompt };
    const copy = copyOf(original, { pair, upstream, body: asked.body, signatures: this.options.signatures });
    this.hold(copy.experiment, 1);
    return {
      assignment: { ...original.assignment, pair },
      body: asked.body,
      answered: (how) => this.send(copy, how),
    };
  }

  /** Gives up what is under way: nothing is published afterwards. */
  close(): void {
    for (const exchange of this.running) exchange.giveUp();
    this.options.lanes.close();
  }

  private send(copy: Copy, { outcome, clientMs }: Answered): void {
    const startedAt = new Date().toISOString();
    const sent = { ...copy, assignment: { ...copy.assignment, assignedAt: startedAt } };
    const reason = outcome === 'cancelled' ? 'client-left' : this.change(copy);
    if (reason !== undefined) return this.ended(sent, startedAt, NOT_SENT, reason);
    const { service, candidate, upstream } = sent;
    const lane = this.options.lanes.laneOf(upstream, { service, variant: candidate });
    const leave = lane.enter();
    const exchange = new CopyExchange(this.options.limits, (result) => {
      this.running.delete(exchange);
      leave();
      const reasonGiven = result.outcome === 'cancelled' ? 'stopping' : undefined;
      this.ended(sent, startedAt, asForAClient(result, clientMs), reasonGiven);
    });
    this.running.add(exchange);
    const { path, body } = sent;
    lane.pool.ask({ method: 'POST', path, headers: sent.headersOf(sent.assignment), body }, exchange);
  }

  private ended(copy: Copy, startedAt: string, result: ExchangeResult, reason?: DropReason): void {
    const { service, requestId, upstream, assignment, traceparent } = copy;
    this.hold(copy.experiment, -1);
    this.options.metrics.ended(copy, result.outcome, reason);
    this.options.onCopied({
      ...result,
      judged: true,
      requestId,
      attempt: 0,
      service,
      assignment,
      unitName: null,
      upstream: upstream.url,
      startedAt,
      traceparent,
    });
  }

  /** Why there is no room for one more. */
  private fullness({ rules, command }: ExperimentRoute): DropReason | undefined {
    if (this.options.isStopping()) return 'stopping';
    if (this.options.inFlight() > this.options.busyAbove) return 'busy';
    const held = this.held.get(rules.experiment) ?? 0;
    return held < (command?.shadow?.concurrency ?? 0) ? undefined : 'concurrency';
  }

  /** Why a copy that was promised is not sent any more. */
  private change({ service, candidate, assignment }: Copy): DropReason | undefined {
    const { options } = this;
    if (options.isStopping()) return 'stopping';
    const route = options.routeOf(service, assignment.experiment);
    const isOrdered =
      route !== undefined &&
      route.rules.revision === assignment.revision &&
      route.command?.shadow?.candidates.includes(candidate) === true;
    if (!isOrdered || options.isFailSafe(route)) return 'order-ended';
    return options.inFlight() > options.busyAbove ? 'busy' : undefined;
  }

  /** They take turns, so that each gets as many. */
  private nextCandidate({ rules, command }: ExperimentRoute): string {
    const candidates = command?.shadow?.candidates ?? [];
    return candidates[(this.turns.get(rules.experiment) ?? 0) % candidates.length] as string;
  }

  private hold(experiment: string, change: 1 | -1): void {
    const held = (this.held.get(experiment) ?? 0) + change;
    if (held === 0) this.held.delete(experiment);
    else this.held.set(experiment, held);
  }
}

/** With the original's client a copy would have taken so much longer: sides of a pair differ by their services alone. */
function asForAClient(result: ExchangeResult, clientMs: number): ExchangeResult {
  const { durationMs } = result;
  return { ...result, clientMs, durationMs: durationMs === null ? null : durationMs + clientMs };
}

const NOT_SENT: ExchangeResult = { ...NO_ANSWER, outcome: 'cancelled' };

function copyOf(
  { request, isForwarded, route, assignment, path, rest }: Original,
  {
    pair,
    upstream,
    body,
    signatures,
  }: Pick<ShadowOptions, 'signatures'> & {
    readonly pair: PairMark;
    readonly upstream: Upstream;
    readonly body: Buffer;
  },
): Copy {
  const { candidate } = pair;
  const requestId = randomUUID();
  const traceparent = newTraceparent();
  const propensity = (assignment.weightsPpm[candidate] ?? 0) / MILLION;
  // The client's connection may be gone when the copy is sent.
  const plain = withoutSome(
    upstreamHeaders(request, { isForwarded, requestId, traceparent, assignmentHeader: undefined, signatures }),
  );
  return {
    service: route.service,
    candidate,
    experiment: assignment.experiment,
    requestId,
    upstream,
    assignment: { ...assignment, variant: candidate, propensity, pair },
    path: upstreamPath(upstream, path, rest),
    headersOf: (sent) => [
      ...plain,
      SHADOW_HEADER,
      '1',
      ...assignmentHeaders({ requestId, assignmentHeader: encodeAssignment(sent), signatures }),
    ],
    body,
    traceparent,
  };
}

function withoutSome(headers: readonly string[]): string[] {
  return headers.filter((_text, index) => !NOT_COPIED.has(headers[index - (index % 2)] as string));
}
