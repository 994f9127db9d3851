import { PartlyHandledError } from '../event-bus.js';
import type { EventBatch } from './decode.js';
import type { Middleware } from './handler.js';

/** How far the handlers of one subscription have come, by topic and partition. */
export class Progress {
  private readonly handledTo = new Map<string, number>();

  /** The offset after the last handled event; 0 before the first. */
  of(topic: string, partition: number): number {
    return this.handledTo.get(`${topic}/${partition}`) ?? 0;
  }

  moveTo(topic: string, partition: number, offset: number): void {
    this.handledTo.set(`${topic}/${partition}`, offset);
  }

  /** A new assignment may start before the point that an unfinished batch of the last one had reached. */
  forget(topic: string, partition: number): void {
    this.handledTo.delete(`${topic}/${partition}`);
  }
}

/**
 * Hands on only what was not handled before: when a batch is repeated from its start, its handler goes on where it failed. A batch that
 * fails later than at its start says so to the carrier, whose pauses then begin anew.
 */
export function absorbRepeats(progress: Progress): Middleware<EventBatch> {
  return (next) => async (batch) => {
    const from = progress.of(batch.topic, batch.partition);
    if (batch.nextOffset <= from) return;
    const events = from === 0 ? batch.events : batch.events.filter(({ record }) => record.offset >= from);
    try {
      await next({ ...batch, events });
    } catch (error) {
      const reached = progress.of(batch.topic, batch.partition);
      throw reached > from ? new PartlyHandledError(reached, error) : error;
    }
  };
}

/** Notes what was handled, for `absorbRepeats`: goes right round the handler. */
export function noteProgress(progress: Progress): Middleware<EventBatch> {
  return (next) => async (batch) => {
    if (batch.isStale()) return;
    await next(batch);
    progress.moveTo(batch.topic, batch.partition, batch.nextOffset);
  };
}
