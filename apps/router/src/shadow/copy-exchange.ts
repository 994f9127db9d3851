import { AnswerLimit } from '#libs/platform';
import { Answer } from '../proxy/answer.js';
import type { ExchangeResult } from '../proxy/exchange.js';
import { instanceOf } from '../proxy/request-headers.js';
import type { UpstreamLimits } from '../proxy/upstream-lanes.js';
import type { AnswerHead } from '../upstream/answer-parser.js';
import type { AnswerControl, AnswerReader } from '../upstream/upstream-request.js';

/** A copy has no client that goes away when an answer does not end. */
const LARGEST_BYTES = 256 * 2 ** 20;
const LONGEST_MS = 600_000;

/** The answer to a copy: read to its end under the limits of any answer, looked at as any is, and dropped. It ends exactly once. */
export class CopyExchange implements AnswerReader {
  private startedAtMs = performance.now();
  private readonly limit: AnswerLimit;
  private readonly lastTimer: NodeJS.Timeout;
  private bytes = 0;
  private control: AnswerControl | undefined;
  private answer: Answer | null = null;
  private status: number | null = null;
  private instance: string | undefined;
  private settled = false;

  constructor(
    private readonly limits: Pick<UpstreamLimits, 'timeoutMs' | 'idleMs'>,
    private readonly onSettled: (result: ExchangeResult) => void,
  ) {
    this.limit = new AnswerLimit(limits.timeoutMs, () => this.end('timed-out'));
    this.lastTimer = setTimeout(() => this.end('timed-out'), LONGEST_MS);
  }

  onStart(control: AnswerControl): void {
    this.control = control;
    if (this.settled) control.abort(new Error('the copy has ended meanwhile'));
  }

  onSent(): void {
    this.startedAtMs = performance.now();
  }

  /** Hints are for people. */
  onInformation(): void {}

  onHead({ status, headers }: AnswerHead): void {
    if (this.settled) return;
    this.status = status;
    this.instance = instanceOf(headers);
    this.answer = new Answer(status, headers);
    this.limit.restart(this.limits.idleMs);
  }

  onData(chunk: Buffer): void {
    if (this.settled) return;
    this.limit.refresh();
    this.bytes += chunk.length;
    if (this.bytes > LARGEST_BYTES) return this.end('server-error');
    this.answer?.take(chunk);
  }

  onEnd(): void {
    if (this.settled) return;
    this.settle((this.answer as Answer).outcome(), performance.now() - this.startedAtMs);
  }

  /** The candidate could not be asked, or its answer broke off. */
  onFail(): void {
    this.settle('server-error', null);
  }

  giveUp(): void {
    this.end('cancelled');
  }

  private end(outcome: 'timed-out' | 'cancelled' | 'server-error'): void {
    this.settle(outcome, null);
    this.control?.abort(new Error(outcome));
  }

  private settle(outcome: ExchangeResult['outcome'], durationMs: number | null): void {
    if (this.settled) return;
    this.settled = true;
    this.limit.clear();
    clearTimeout(this.lastTimer);
    this.onSettled({ outcome, status: this.status, durationMs, waitedMs: null, clientMs: 0, instance: this.instance });
  }
}
