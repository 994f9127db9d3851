import type { IncomingHttpHeaders } from 'node:http';
import type { RequestRouted } from '#libs/contracts';
import { AnswerLimit, sendProblem } from '#libs/platform';
import type { AnswerHead } from '../upstream/answer-parser.js';
import { ClientStalledError, type AnswerControl, type AnswerReader } from '../upstream/upstream-request.js';
import { Answer, outcomeOfStatus } from './answer.js';
import type { ClientAnswer } from './client-answer.js';
import type { SentBody } from './client-body.js';
import { areEarlyLinks } from './early-link.js';
import { instanceOf, passTrailers } from './request-headers.js';

/** How one upstream's answer to one request ended. */
export interface ExchangeResult {
  readonly outcome: RequestRouted['outcome'];
  readonly status: number | null;
  /**
   * From the request's arrival to the last byte sent on, less the time in the router's own line; null when there was no complete answer.
   */
  readonly durationMs: number | null;
  /** From the request's arrival until the client went away; null where it did not. */
  readonly waitedMs: number | null;
  /** How much of the duration the client took: until its request was there, and to take the answer. */
  readonly clientMs: number;
  /** Which process of the upstream answered; undefined where it did not say, or did not answer. */
  readonly instance: string | undefined;
}

/** What there is to tell of a request that got no answer, beside its outcome. */
export const NO_ANSWER = { status: null, durationMs: null, waitedMs: null, clientMs: 0, instance: undefined } as const;

/** Why another upstream might be asked: the status of an answer, or what kept one from coming. */
export type Failure =
  | { readonly kind: 'answer'; readonly status: number }
  /** `unsent`: the upstream has had nothing of the request. */
  | { readonly kind: 'broken'; readonly unsent: boolean };

/** Whose exchange it is. */
export interface ExchangeOwner {
  /** Hears what the client is not told. */
  onTrouble(what: string): void;
  /** What the client gets of an answer's head. */
  clientHeadersOf(upstream: AnswerHead): string[];
  /** Asked before anything was sent to the client: true keeps a failed answer from the client, because another upstream will be asked. */
  mayAskAnother(failure: Failure): boolean;
  /** Called exactly once. `answered` false: nothing was sent to the client. */
  onSettled(result: ExchangeResult, answered: boolean): void;
}

export interface ExchangeOptions {
  readonly response: ClientAnswer;
  readonly body: SentBody;
  /** By the monotonic clock. */
  readonly startedAtMs: number;
  /** Until the answer's first byte; of an upload, between two of its pieces and after its last. */
  readonly timeoutMs: number;
  /** Between two bytes of the answer. */
  readonly idleMs: number;
  /** The client takes trailers behind the answer. */
  readonly wantsTrailers: boolean;
}

/** What is beyond has no meaning (RFC 9110 §15); it is passed on, and counts as an error. */
const LARGEST_STATUS = 599;

/** Hints of one answer that are passed on: they take no notice of the client's pace. */
const MOST_HINTS = 16;

/** Errors before a connection was there. */
export const UNSENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What a client is told of it: never the upstream's address. */
export function troubleInWords(error: NodeJS.ErrnoException): string {
  const code = error.code !== undefined && /^E[A-Z]+$/.test(error.code) ? ` (${error.code})` : '';
  return `It could not be asked, or its answer broke off${code}. Trying again may help.`;
}

/**
 * One answer on its way from the upstream to the client, chunk by chunk with the client's pace as the upstream's pace. Nothing is
 * collected but the beginning of what may be an error. It ends exactly once, with one outcome, and that is told.
 */
export class Exchange implements AnswerReader {
  private control: AnswerControl | undefined;
  private status: number | null = null;
  private isAnswered = false;
  /** Something of the body has come, or its end. */
  private hasBegun = false;
  private answer: Answer | null = null;
  /** It says no length. */
  private endsWithConnection = false;
  private instance: string | undefined;
  private hints = 0;
  /** What the answer ends with, which goes out with its end. */
  private last: Buffer | undefined;
  private settled = false;
  private waitsForClient = false;
  private clientMs = 0;
  /** When it was given to the pool, and how long it waited there for a connection. */
  private startedMs = 0;
  private lineMs = 0;
  private clientSinceMs = 0;
  private readonly limit: AnswerLimit;
  private readonly onClose = (): void => this.clientGone();
  private readonly onDrain = (): void => {
    if (this.settled || this.options.response.writableEnded) return;
    this.waitsForClient = false;
    this.countClient();
    this.limit.refresh();
    this.control?.resume();
  };

  constructor(
    private readonly options: ExchangeOptions,
    private readonly owner: ExchangeOwner,
  ) {
    this.limit = new AnswerLimit(options.timeoutMs, (afterMs) => this.timeOut(afterMs));
    options.response.on('close', this.onClose);
  }

  /** The whole request is here: until now it was the client that took its time. */
  received(): void {
    this.clientMs = this.sinceStartMs();
  }

  /** A piece of the request has come. */
  progress(): void {
    if (!this.settled && !this.isAnswered) this.limit.refresh();
  }

  onStart(control: AnswerControl): void {
    this.control = control;
    this.startedMs = performance.now();
    if (this.settled) control.abort(new Error('the request has ended meanwhile'));
  }

  onSent(): void {
    this.lineMs = performance.now() - this.startedMs;
  }

  onHead(head: AnswerHead): void {
    if (this.settled) return;
    const { status, headers } = head;
    this.status = status <= LARGEST_STATUS ? status : null;
    this.isAnswered = true;
    this.instance = instanceOf(headers);
    if (this.owner.mayAskAnother({ kind: 'answer', status })) {
      this.settle(this.ended(outcomeOfStatus(status, headers)), false);
      return this.control?.abort(new Error('another upstream is asked'));
    }
    // What is refused already need not be sent to its end.
    if (status >= 400) this.options.body.abandon();
    this.answer = new Answer(status, headers);
    this.limit.restart(this.options.idleMs);
    try {
      this.options.response.writeHead(status, this.owner.clientHeadersOf(head));
    } catch (error) {
      // Header values that may not be sent on.
      return this.control?.abort(error as Error);
    }
    // The client may wait for the first event of a stream for long; what comes at once goes out with its head.
    if (headers['content-length'] !== undefined) return;
    this.endsWithConnection = true;
    process.nextTick(() => {
      if (!this.settled && !this.hasBegun) this.options.response.flushHeaders();
    });
  }

  onData(chunk: Buffer, isLast: boolean): void {
    if (this.settled) return;
    this.hasBegun = true;
    this.answer?.take(chunk);
    if (isLast) {
      this.last = chunk;
      return;
    }
    this.limit.refresh();
    if (this.options.response.write(chunk) || this.waitsForClient) return;
    this.waitForClient();
    this.options.response.once('drain', this.onDrain);
    this.control?.pause();
  }

  onEnd(trailers: readonly string[]): void {
    if (this.settled) return;
    this.hasBegun = true;
    // From here on only the client's pace counts, so the upstream can't run out of time any more.
    if (!this.waitsForClient) this.waitForClient();
    this.limit.refresh();
    const { response, wantsTrailers } = this.options;
    if (wantsTrailers && trailers.length > 0 && response.chunkedEncoding) passTrailers(response, trailers);
    response.end(this.last, () => {
      this.countClient();
      const outcome = (this.answer as Answer).outcome();
      this.settle({ ...this.ended(outcome), durationMs: this.sinceStartMs() - this.lineMs }, true);
    });
  }

  /** The upstream could not be asked, or its answer broke off. */
  onFail(error: Error): void {
    if (this.settled) return;
    const { response, body } = this.options;
    if (error instanceof ClientStalledError) {
      this.settle(this.ended('cancelled'), true);
      return this.breakOff();
    }
    this.owner.onTrouble(error.message);
    const result = this.ended('server-error');
    const unsent = UNSENT.has((error as NodeJS.ErrnoException).code ?? '');
    if (!response.headersSent && this.owner.mayAskAnother({ kind: 'broken', unsent }))
      return this.settle(result, false);
    this.settle(result, true);
    body.abandon();
    if (response.headersSent) return this.breakOff();
    sendProblem(response, { title: 'The upstream failed', status: 502, detail: troubleInWords(error) });
  }

  /** What may be loaded while the picture is made (RFC 8297). */
  onInformation(status: number, headers: IncomingHttpHeaders): void {
    const { link } = headers;
    if (this.settled || status !== 103 || link === undefined || this.hints >= MOST_HINTS) return;
    this.hints += 1;
    if (!areEarlyLinks(link)) return;
    try {
      this.options.response.writeEarlyHints({ link });
    } catch {
      // Hints that are none help nobody, and harm nobody either.
    }
  }

  private timeOut(afterMs: number): void {
    if (this.settled) return;
    const { response, body } = this.options;
    const isClientSlow = this.waitsForClient || (!this.isAnswered && body.isAwaited);
    const outcome = isClientSlow ? 'cancelled' : 'timed-out';
    this.settle(this.ended(outcome), true);
    this.control?.abort(new Error(outcome));
    if (!isClientSlow) this.owner.onTrouble(`gave nothing for ${afterMs} ms`);
    if (response.headersSent) return this.breakOff();
    const problem = isClientSlow
      ? { title: 'The request did not come', status: 408, detail: `nothing more of it came for ${afterMs} ms` }
      : { title: 'The upstream timed out', status: 504, detail: `It gave no answer within ${afterMs} ms.` };
    sendProblem(response, problem, isClientSlow ? { connection: 'close' } : {});
  }

  private clientGone(): void {
    if (this.settled) return;
    this.settle(this.ended('cancelled'), true);
    this.control?.abort(new Error('the client has gone'));
  }

  /** Where neither a length nor chunks say where an answer ends (HTTP/1.0), the end of its connection does: only a reset says that it has none. */
  private breakOff(): void {
    const { response } = this.options;
    if (this.endsWithConnection && !response.chunkedEncoding && response.socket) response.socket.resetAndDestroy();
    else response.destroy();
  }

  private waitForClient(): void {
    this.waitsForClient = true;
    this.clientSinceMs = performance.now();
  }

  private countClient(): void {
    const nowMs = performance.now();
    this.clientMs += nowMs - this.clientSinceMs;
    this.clientSinceMs = nowMs;
  }

  /** Without a complete answer. */
  private ended(outcome: ExchangeResult['outcome']): ExchangeResult {
    const waitedMs = outcome === 'cancelled' ? this.sinceStartMs() : null;
    const { status, instance, clientMs } = this;
    return { outcome, status, durationMs: null, waitedMs, clientMs, instance };
  }

  private sinceStartMs(): number {
    return performance.now() - this.options.startedAtMs;
  }

  private settle(result: ExchangeResult, answered: boolean): void {
    if (this.settled) return;
    this.settled = true;
    this.limit.clear();
    this.options.response.off('close', this.onClose);
    this.options.response.off('drain', this.onDrain);
    this.owner.onSettled(result, answered);
  }
}
