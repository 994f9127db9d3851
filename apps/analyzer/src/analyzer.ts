import type { HealthCheck } from '#libs/platform';
import { workAlone } from './alone-shift.js';
import type { AnalyzerOptions } from './analyzer-options.js';
import { type Leadership, takeTheLead } from './leadership.js';
import { leadershipCheck, type WhoReads } from './leadership-check.js';
import { workShared } from './sharing/sharing-shift.js';
import type { Shift } from './shift.js';

/**
 * Folds the log into evidence and publishes what it says, as soon as it changes.
 *
 * Evidence lives in memory, one state per partition of each topic, and is saved with the position it rests on in one
 * transaction. A restart continues from there: events after the position come again and are folded again, which gives bit for
 * bit what an uninterrupted run gives, because a partition's fold depends on nothing but its own events. Definitions come by a
 * subscription of their own; events that are earlier than theirs wait, and hold nobody else up (see `WaitingEvents`).
 */
export class Analyzer {
  private readonly stopping = new AbortController();
  private shift: Shift | null = null;
  private ended: Promise<void> = Promise.resolve();
  private isReading = false;
  /** Why the last shift ended early; undefined once one reads again. */
  private lastFailure: string | undefined;
  private announceLead: () => void = () => undefined;
  /** Resolves when this process has the lead and reads. */
  readonly leading = new Promise<void>((resolve) => (this.announceLead = resolve));

  constructor(private readonly options: AnalyzerOptions) {}

  /** Returns at once; see {@link leading}. */
  start(): void {
    this.ended = this.keepWorking();
  }

  /** Saves, publishes what is left, and gives the lead away. */
  async close(): Promise<void> {
    this.stopping.abort();
    this.shift?.fail(null);
    await this.ended;
  }

  /** Records not folded yet, by topic; empty while standing by. */
  async lag(): Promise<Readonly<Record<string, number>>> {
    return (await this.shift?.lag()) ?? {};
  }

  /** Standing by is healthy while somebody else has the lead; a leader that does not come to read is not. */
  get leadershipCheck(): HealthCheck {
    const { database, clock, leaderlessAfterMs = 15_000 } = this.options;
    return leadershipCheck({ database, clock, leaderlessAfterMs, whoReads: () => this.whoReads() });
  }

  private whoReads(): WhoReads {
    if (this.shift) return this.isReading ? { state: 'leading' } : { state: 'taking the lead' };
    return this.lastFailure === undefined
      ? { state: 'standing by' }
      : { state: 'starting again', reason: this.lastFailure };
  }

  private async keepWorking(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const { database, hungAfterMs, share } = this.options;
        const lead = share === 'partitions' ? 'shared' : 'alone';
        const leadership = await takeTheLead(database, signal, hungAfterMs, lead);
        if (leadership === null) return;
        await this.work(leadership);
      } catch (error) {
        if (signal.aborted) return;
        this.lastFailure = (error as Error).message;
        this.options.log.error(`the analyzer starts again from its snapshots: ${(error as Error).message}`);
        await new Promise((resolve) => setTimeout(resolve, this.options.restartAfterMs ?? 1_000));
      }
    }
  }

  private async work(leadership: Leadership): Promise<void> {
    let shift: Shift;
    try {
      shift = await (this.options.share === 'partitions' ? workShared : workAlone)(this.options, leadership);
    } catch (error) {
      await leadership.release();
      throw error;
    }
    this.shift = shift;
    if (this.stopping.signal.aborted) shift.fail(null);
    let failure: unknown;
    try {
      // What never becomes ready may fail all the same: when the lead is lost meanwhile, for example.
      const isReady = await Promise.race([shift.ready.then(() => true), shift.failed.then(() => false)]);
      if (isReady) this.nowReads();
      failure = await shift.failed;
    } catch (error) {
      failure = error;
    }
    this.shift = null;
    this.isReading = false;
    this.options.measured?.standsBy();
    await shift.end(failure);
    if (failure !== null) throw failure;
  }

  private nowReads(): void {
    this.isReading = true;
    this.lastFailure = undefined;
    this.announceLead();
  }
}
