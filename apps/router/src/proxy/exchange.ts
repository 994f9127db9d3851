import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { RequestRouted } from '#libs/contracts';
import { sendProblem } from '#libs/platform';
import type { Dispatcher } from 'undici';
import { Answer, outcomeOfStatus } from './answer.js';
import { instanceOf } from './request-headers.js';

/** How one upstream's answer to one request ended. */
export interface ExchangeResult {
  readonly outcome: RequestRouted['outcome'];
  readonly status: number | null;
  /** From the request's arrival to the last byte sent on; null when there was no complete answer. */
  readonly durationMs: number | null;
  /** From the request's arrival until the client went away; null where it did not. */
  readonly waitedMs: number | null;
  /** Which process of the upstream answered; undefined where it did not say, or did not answer. */
  readonly instance: string | undefined;
}

export interface ExchangeOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upstreamUrl: string;
  /** By the monotonic clock. */
  readonly startedAtMs: number;
  readonly timeoutMs: number;
  readonly clientHeadersOf: (upstream: IncomingHttpHeaders) => Record<string, string | string[]>;
  /** Asked before anything was sent to the client: true keeps a failed answer from the client, because another upstream will be asked. */
  readonly mayAskAnother: boolean;
  /** Called exactly once. `answered` false: nothing was sent to the client. */
  readonly onSettled: (result: ExchangeResult, answered: boolean) => void;
}

/**
 * One answer on its way from the upstream to the client, chunk by chunk with the client's pace as the upstream's pace. Nothing is
 * collected but the beginning of what may be an error. It ends exactly once, with one outcome, and that is told.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | undefined;
  private status: number | null = null;
  private answer: Answer | null = null;
  private instance: string | undefined;
  private settled = false;
  private waitsForClient = false;
  private readonly timer: NodeJS.Timeout;
  private readonly onClose = (): void => this.clientGone();
  private readonly onDrain = (): void => {
    this.waitsForClient = false;
    this.controller?.resume();
  };

  constructor(private readonly options: ExchangeOptions) {
    this.timer = setTimeout(() => this.timeOut(), options.timeoutMs);
    options.response.on('close', this.onClose);
    options.response.on('drain', this.onDrain);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.settled) controller.abort(new Error('the request has ended meanwhile'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.settled || status < 200) return;
    this.status = status;
    this.instance = instanceOf(headers);
    if (status >= 500 && this.options.mayAskAnother) {
      this.settle(this.ended(outcomeOfStatus(status, headers)), false);
      controller.abort(new Error('another upstream is asked'));
      return;
    }
    this.answer = new Answer(status, headers);
    try {
      this.options.response.writeHead(status, this.options.clientHeadersOf(headers));
    } catch (error) {
      // Header values that may not be sent on.
      controller.abort(error as Error);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.settled) return;
    this.answer?.take(chunk);
    if (this.options.response.write(chunk)) return;
    this.waitsForClient = true;
    controller.pause();
  }

  onResponseEnd(): void {
    if (this.settled) return;
    // From here on only the client's pace counts, so the upstream can't run out of time any more.
    clearTimeout(this.timer);
    this.options.response.end(() => {
      const outcome = (this.answer as Answer).outcome();
      this.settle({ ...this.ended(outcome), durationMs: this.sinceStartMs() }, true);
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  /** The upstream could not be asked, or its answer broke off. */
  fail(error: Error): void {
    if (this.settled) return;
    const { response, upstreamUrl, mayAskAnother } = this.options;
    const result = this.ended('server-error');
    if (mayAskAnother && !response.headersSent) return this.settle(result, false);
    this.settle(result, true);
    if (response.headersSent) return void response.destroy();
    const detail = `${upstreamUrl}: ${error.message}. Trying again may help.`;
    sendProblem(response, { title: 'The upstream failed', status: 502, detail });
  }

  private timeOut(): void {
    if (this.settled) return;
    const { response, upstreamUrl, timeoutMs } = this.options;
    const outcome = this.isClientSlow() ? 'cancelled' : 'timed-out';
    this.settle(this.ended(outcome), true);
    this.controller?.abort(new Error(outcome));
    if (response.headersSent) return void response.destroy();
    const detail = `${upstreamUrl} gave no answer within ${timeoutMs} ms.`;
    sendProblem(response, { title: 'The upstream timed out', status: 504, detail });
  }

  /** Whether it is the client that keeps the upstream waiting: it doesn't read the answer, or hasn't sent the whole request. */
  private isClientSlow(): boolean {
    const { request } = this.options;
    return this.waitsForClient || (!request.complete && !request.isPaused());
  }

  private clientGone(): void {
    if (this.settled) return;
    this.settle(this.ended('cancelled'), true);
    this.controller?.abort(new Error('the client has gone'));
  }

  /** Without a complete answer. */
  private ended(outcome: ExchangeResult['outcome']): ExchangeResult {
    const waitedMs = outcome === 'cancelled' ? this.sinceStartMs() : null;
    return { outcome, status: this.status, durationMs: null, waitedMs, instance: this.instance };
  }

  private sinceStartMs(): number {
    return performance.now() - this.options.startedAtMs;
  }

  private settle(result: ExchangeResult, answered: boolean): void {
    if (this.settled) return;
    this.settled = true;
    clearTimeout(this.timer);
    this.options.response.off('close', this.onClose);
    this.options.response.off('drain', this.onDrain);
    this.options.onSettled(result, answered);
  }
}
