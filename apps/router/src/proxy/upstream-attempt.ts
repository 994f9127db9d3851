import type { Readable } from 'node:stream';
import { encodeAssignment, type Assignment } from '#libs/contracts';
import { upstreamPath } from '../routing/upstream.js';
import type { MarkedRequest, Original, ShadowTraffic } from '../shadow/shadow-traffic.js';
import type { AnswerHead } from '../upstream/answer-parser.js';
import type { IncomingRequest, ClientAnswer } from './client-answer.js';
import type { SentBody } from './client-body.js';
import { Exchange, type ExchangeOwner, type ExchangeResult, type Failure } from './exchange.js';
import { clientHeaders, mayHaveTrailers, upstreamHeaders, wantsTrailers } from './request-headers.js';
import type { RequestPlan, Target } from './request-plan.js';
import type { LaneEnd, UpstreamLimits } from './upstream-lanes.js';

/** One upstream that is asked. */
export interface Attempt extends Target {
  /** 0 for the first that is asked for a request. */
  readonly attempt: number;
  /** It shall be a pair, if its body has a prompt. */
  readonly original?: Original | undefined;
}

/** The request that upstreams are asked for, one after another. */
export interface RequestUnderWay {
  readonly plan: RequestPlan;
  readonly body: SentBody;
  readonly incoming: {
    readonly request: IncomingRequest;
    readonly response: ClientAnswer;
    readonly path: string;
    /** What follows the service's name or route in it. */
    readonly rest: string;
  };
  readonly options: {
    readonly shadow: ShadowTraffic;
    readonly onTrouble: (upstream: string, what: string) => void;
  };
  mayAskAnother(failure: Failure): boolean;
  tell(asked: Attempt, result: ExchangeResult): void;
  askNext(asked: Attempt): void;
}

/** Asks one upstream, and sees to what follows from its answer. */
export class UpstreamAttempt implements ExchangeOwner {
  private readonly exchange: Exchange;
  private readonly leave: (end: LaneEnd) => void;
  private assignmentHeader: string | undefined;
  private marked: MarkedRequest | undefined;
  private isSettled = false;

  constructor(
    private readonly asked: Attempt,
    private readonly of: RequestUnderWay,
    limits: Pick<UpstreamLimits, 'timeoutMs' | 'idleMs'>,
  ) {
    const { incoming, plan, body } = of;
    this.assignmentHeader = headerValue(asked.assignment);
    this.leave = asked.lane.enter();
    this.exchange = new Exchange(
      {
        response: incoming.response,
        body,
        startedAtMs: plan.startedAtMs,
        timeoutMs: limits.timeoutMs,
        idleMs: limits.idleMs,
        wantsTrailers: wantsTrailers(incoming.request.headers),
      },
      this,
    );
  }

  start(): void {
    this.of.body.give(
      (read) => this.dispatch(read),
      () => this.exchange.progress(),
    );
  }

  onTrouble(what: string): void {
    this.of.options.onTrouble(this.asked.upstream.url, what);
  }

  clientHeadersOf({ status, rawHeaders, headers }: AnswerHead): string[] {
    const { plan, incoming } = this.of;
    const passed = clientHeaders(rawHeaders, headers.connection, plan.clientFacts(this.assignmentHeader));
    const isNamed = headers.trailer !== undefined && headers['content-length'] === undefined;
    if (isNamed && mayHaveTrailers(incoming.request, status)) passed.push('trailer', headers.trailer as string);
    return passed;
  }

  mayAskAnother(failure: Failure): boolean {
    return this.of.mayAskAnother(failure);
  }

  onSettled(result: ExchangeResult, answered: boolean): void {
    const { asked, marked, of } = this;
    this.isSettled = true;
    this.leave(endFor(result));
    of.tell(marked ? { ...asked, assignment: marked.assignment } : asked, result);
    if (!answered) of.askNext(asked);
    marked?.answered(result);
  }

  /** @param read the client's body, or the stream of it */
  private dispatch(read: Buffer | Readable | null): void {
    const { asked, exchange, of } = this;
    const isRead = Buffer.isBuffer(read);
    if (asked.attempt === 0 && isRead) exchange.received();
    if (asked.original && isRead && !this.isSettled) this.marked = of.options.shadow.mark(asked.original, read);
    if (this.marked) {
      of.body.replace(this.marked.body);
      this.assignmentHeader = headerValue(this.marked.assignment);
    }
    this.ask(this.marked?.body ?? read);
  }

  private ask(content: Buffer | Readable | null): void {
    const { request, path: requested, rest } = this.of.incoming;
    const { asked } = this;
    const headers = upstreamHeaders(request, this.of.plan.routerHeaders(this.assignmentHeader));
    if (wantsTrailers(request.headers)) headers.push('te', 'trailers', 'connection', 'te');
    const path = upstreamPath(asked.upstream, requested, rest);
    const isWhole = content === null || Buffer.isBuffer(content);
    const body = isWhole ? content : { stream: content, length: request.headers['content-length'] };
    asked.lane.pool.ask({ method: request.method as string, path, headers, body }, this.exchange);
  }
}

/** Any answer is a sign of life; who went away says nothing of the upstream. */
function endFor({ status, outcome }: ExchangeResult): LaneEnd {
  if (status !== null) return 'answered';
  return outcome === 'cancelled' ? 'nothing' : 'failed';
}

function headerValue(assignment: Assignment | null): string | undefined {
  return assignment ? encodeAssignment(assignment) : undefined;
}
