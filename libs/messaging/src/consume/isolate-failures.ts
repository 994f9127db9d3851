import type { IncomingRecord } from '../event-bus.js';
import { UnprocessableEventError, type DeadLetters } from './dead-letters.js';
import type { EventBatch } from './decode.js';
import type { Handler, Middleware } from './handler.js';
import { only } from './one-by-one.js';

/** Failed attempts after which an event is given up; with the pauses of the back-off between them, 0.3 s. */
const MOST_ATTEMPTS = 3;
/** Events given up in a row, none handled in between: then the handler is broken rather than the events, and no more are given up. */
const MOST_IN_A_ROW = 20;

export interface IsolationOptions {
  readonly deadLetters: DeadLetters;
  /**
   * Resolves while everything the handler depends on works (a `select 1`, an engine's health). Then an event that keeps failing is
   * itself at fault and goes to the dead letters; while it rejects, the batch is repeated. Without a probe only an
   * `UnprocessableEventError` takes an event there.
   */
  readonly probe?: (() => Promise<unknown>) | undefined;
}

/**
 * One event that can't be handled stops nothing behind it. A failing batch is cut in half until the event at fault stands alone; it is
 * tried again a few times and then goes to the dead letters. Order is kept: nothing behind it is handled before that is settled.
 */
export function isolateFailures({ deadLetters, probe }: IsolationOptions): Middleware<EventBatch> {
  const faults = new FaultCounter();

  const handle = async (batch: EventBatch, next: Handler<EventBatch>): Promise<void> => {
    try {
      await next(batch);
      faults.handled(batch);
    } catch (error) {
      const [first, ...others] = batch.events;
      const isUnprocessable = error instanceof UnprocessableEventError;
      if (!first || batch.isStale() || (!isUnprocessable && !(await works(probe)))) throw error;
      if (others.length > 0) return halves(batch, next);
      if (!isUnprocessable && !faults.isGivenUp(first.record, first.event.subject)) throw error;
      await deadLetters.bury([{ record: first.record, reason: reasonOf(error) }]);
      // The position that the handler keeps moves on without the event.
      await next(only(batch, [], batch.nextOffset));
    }
  };

  const halves = async (batch: EventBatch, next: Handler<EventBatch>): Promise<void> => {
    const middle = Math.ceil(batch.events.length / 2);
    const [left, right] = [batch.events.slice(0, middle), batch.events.slice(middle)];
    await handle(only(batch, left, right[0]!.record.offset), next);
    await handle(only(batch, right, batch.nextOffset), next);
  };

  return (next) => (batch) => handle(batch, next);
}

/** Which events have failed often enough. */
class FaultCounter {
  private readonly attempts = new Map<string, { readonly offset: number; readonly count: number }>();
  /** Subjects of which an event was given up and none handled since: their next one that fails gets no further attempts. */
  private readonly suspects = new Set<string>();
  private inARow = 0;

  handled(batch: EventBatch): void {
    if (batch.events.length === 0) return;
    this.inARow = 0;
    if (this.suspects.size > 0) for (const { event } of batch.events) this.suspects.delete(event.subject);
  }

  /** Counts one more failed attempt of a single event. */
  isGivenUp({ topic, partition, offset }: IncomingRecord, subject: string): boolean {
    if (this.inARow >= MOST_IN_A_ROW) return false;
    const place = `${topic}/${partition}`;
    const before = this.attempts.get(place);
    const count = before?.offset === offset ? before.count + 1 : 1;
    this.attempts.set(place, { offset, count });
    if (count < MOST_ATTEMPTS && !this.suspects.has(subject)) return false;
    this.suspects.add(subject);
    this.inARow += 1;
    return true;
  }
}

async function works(probe: IsolationOptions['probe']): Promise<boolean> {
  if (!probe) return false;
  return probe().then(
    () => true,
    () => false,
  );
}

function reasonOf(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' && message !== '' ? message : String(error);
}
