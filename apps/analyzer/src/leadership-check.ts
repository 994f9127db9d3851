import type { Queryable } from '#libs/persistence';
import type { Clock, HealthCheck } from '#libs/platform';
import { isLed } from './leadership.js';

/** What this analyzer is doing about the lead. */
export type WhoReads =
  | { readonly state: 'leading' | 'taking the lead' | 'standing by' }
  | { readonly state: 'starting again'; readonly reason: string };

/** A check that fails when for `leaderlessAfterMs` neither this analyzer has read nor another one has had the lead. */
export function leadershipCheck(options: {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly leaderlessAfterMs: number;
  readonly whoReads: () => WhoReads;
}): HealthCheck {
  const { database, clock, leaderlessAfterMs, whoReads } = options;
  let lastLedAtMs = clock.nowMs();
  return {
    name: 'leadership',
    failureMeans: 'not-ready',
    async look() {
      const mine = whoReads();
      const isRead = mine.state === 'leading' || (mine.state === 'standing by' && (await isLed(database)));
      if (isRead) lastLedAtMs = clock.nowMs();
      const leaderlessMs = clock.nowMs() - lastLedAtMs;
      const facts = { state: mine.state, leaderlessMs };
      if (leaderlessMs <= leaderlessAfterMs) return { ok: true, facts };
      const why = mine.state === 'starting again' ? `: ${mine.reason}` : '';
      const reason = `no analyzer has read for ${leaderlessMs} ms, this one is ${mine.state}${why}`;
      return { ok: false, reason, facts };
    },
  };
}
