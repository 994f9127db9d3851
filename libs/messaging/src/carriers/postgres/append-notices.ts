import type { Queryable } from '#libs/persistence';
import type { AppendedRange } from './append-records.js';

export const APPENDED_CHANNEL = 'bus_appended';

/** Postgres refuses a notice of 8,000 bytes; an empty one makes readers look for themselves. */
const MOST_NOTIFIED = 7_900;

/**
 * Tells readers in other processes how far partitions reach: `<sender>;<topicId>:<partition>:<nextOffset>;…`. A transaction that notifies commits under
 * one lock for the whole server, its write to the disk included; so records are committed without a notice, which follows in a transaction that
 * writes nothing. One is on its way at a time, and what is appended meanwhile shares the next. A lost one is made good by the readers, which
 * look by themselves every second.
 */
export class AppendNotices {
  private readonly ends = new Map<string, number>();
  private sending: Promise<void> | undefined;

  constructor(
    private readonly queryable: Queryable,
    /** Names this process in its own notices. */
    private readonly sender: string,
  ) {}

  /** What was just committed. */
  appended(ranges: readonly AppendedRange[]): void {
    for (const { topicId, partition, nextOffset } of ranges) {
      const place = `${topicId}:${partition}`;
      this.ends.set(place, Math.max(nextOffset, this.ends.get(place) ?? 0));
    }
    this.sending ??= this.sendAll().finally(() => (this.sending = undefined));
  }

  /** Resolves when nothing is to be told any more. */
  async drain(): Promise<void> {
    await this.sending;
  }

  private async sendAll(): Promise<void> {
    while (this.ends.size > 0) {
      const places = [...this.ends].map(([place, end]) => `${place}:${end}`).join(';');
      this.ends.clear();
      const payload = `${this.sender};${places}`;
      await this.queryable
        .query('SELECT pg_notify($1, $2)', [APPENDED_CHANNEL, payload.length < MOST_NOTIFIED ? payload : ''], {
          prepareAs: 'bus_notice',
        })
        .catch(() => undefined);
    }
  }
}
