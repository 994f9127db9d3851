import { Logger } from '@nestjs/common';

/** How often an outage that lasts is told again, milliseconds. */
const TELL_EVERY_MS = 60_000;

/** Tells of something that is tried many times a second and fails: at its first failure, then once a minute, and when it works again. */
export class OutageLog {
  private readonly logger = new Logger('event-bus');
  private since: { readonly ms: number; toldMs: number } | undefined;

  /** @param task what is tried, after "can't": "look at the members of the groups" */
  constructor(
    private readonly task: string,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  failed(error: unknown): void {
    const nowMs = this.nowMs();
    if (this.since && nowMs - this.since.toldMs < TELL_EVERY_MS) return;
    const lasting = this.since ? `for ${Math.round((nowMs - this.since.ms) / 1_000)} s ` : '';
    this.since = { ms: this.since?.ms ?? nowMs, toldMs: nowMs };
    this.logger.warn(`can't ${this.task} ${lasting}(tried all the time): ${(error as Error).message}`);
  }

  worked(): void {
    if (!this.since) return;
    this.logger.log(`can ${this.task} again, after ${Math.round((this.nowMs() - this.since.ms) / 1_000)} s`);
    this.since = undefined;
  }
}
