import type { EventBatch, ReceivedEvent } from './decode.js';
import type { Middleware } from './handler.js';

/** Turns a batch into batches of one event each, in order. A batch without events stays one. */
export const oneByOne: Middleware<EventBatch> = (next) => async (batch) => {
  if (batch.events.length === 0) return next(batch);
  for (const [index, event] of batch.events.entries()) {
    const isLast = index === batch.events.length - 1;
    await next(only(batch, [event], isLast ? batch.nextOffset : event.record.offset + 1));
  }
};

/** The part of a batch that consists of these events and ends before `nextOffset`. */
export function only(batch: EventBatch, events: readonly ReceivedEvent[], nextOffset: number): EventBatch {
  return { ...batch, events, nextOffset };
}
