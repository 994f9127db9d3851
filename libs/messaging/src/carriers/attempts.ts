import type { FailedAttempt, SubscriptionHealth } from '../event-bus.js';
import { backOffMs } from '../consume/back-off.js';
import { logFailure } from './failure-log.js';

interface Work {
  readonly sinceMs: number;
  /** When the attempt that runs now began; null in the pause before the next one. */
  readonly attemptSinceMs: number | null;
  /** When that attempt last showed that it is alive: at its start, or by a heartbeat. */
  readonly aliveAtMs: number;
  readonly failures: number;
  readonly lastFailure: FailedAttempt | null;
}

/** What the partitions of one subscription are at, and how often each has failed in a row. */
export class Attempts {
  private readonly work = new Map<string, Work>();

  constructor(private readonly group: string) {}

  /** A batch begins; a repetition of it belongs to the same work. */
  began(topic: string, partition: number): void {
    const place = `${topic}/${partition}`;
    const nowMs = performance.now();
    const before = this.work.get(place) ?? { sinceMs: nowMs, failures: 0, lastFailure: null };
    this.work.set(place, { ...before, attemptSinceMs: nowMs, aliveAtMs: nowMs });
  }

  /** The attempt that runs works on; what it is done with for good is behind it, and so are earlier failures. */
  alive(topic: string, partition: number, isFurther: boolean): void {
    if (isFurther) this.ended(topic, partition);
    const place = `${topic}/${partition}`;
    const work = this.work.get(place);
    if (work) this.work.set(place, { ...work, aliveAtMs: performance.now() });
    else this.began(topic, partition);
  }

  /** The batch is handled, or the partition is somebody else's. */
  ended(topic: string, partition: number): void {
    this.work.delete(`${topic}/${partition}`);
  }

  /**
   * Says what failed.
   * @returns milliseconds until the next attempt
   */
  failed(
    where: { readonly topic: string; readonly partition: number; readonly offset: number },
    error: unknown,
  ): number {
    const place = `${where.topic}/${where.partition}`;
    const before = this.work.get(place) ?? { sinceMs: performance.now(), failures: 0 };
    const attempt = before.failures + 1;
    const retryInMs = backOffMs(attempt);
    const reason = reasonOf(error);
    this.work.set(place, {
      sinceMs: before.sinceMs,
      attemptSinceMs: null,
      aliveAtMs: performance.now(),
      failures: attempt,
      lastFailure: { ...where, reason },
    });
    logFailure(this.group, { ...where, attempt, retryInMs, reason });
    return retryInMs;
  }

  /** @param carrierSilentForMs milliseconds since the carrier last answered */
  health(partitions: number, carrierSilentForMs: number): SubscriptionHealth {
    const nowMs = performance.now();
    let attemptForMs = 0;
    let lifelessForMs = 0;
    let worst: Work | undefined;
    for (const work of this.work.values()) {
      if (work.attemptSinceMs !== null) {
        attemptForMs = Math.max(attemptForMs, nowMs - work.attemptSinceMs);
        lifelessForMs = Math.max(lifelessForMs, nowMs - work.aliveAtMs);
      }
      if (work.failures > (worst?.failures ?? 0)) worst = work;
    }
    return {
      partitions,
      carrierSilentForMs,
      attemptForMs,
      lifelessForMs,
      failingForMs: worst ? nowMs - worst.sinceMs : 0,
      consecutiveFailures: worst?.failures ?? 0,
      lastFailure: worst?.lastFailure ?? null,
    };
  }
}

function reasonOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : JSON.stringify(error);
}
