import { expect, it } from 'vitest';
import { experimentKey } from './evidence-part.js';
import { WaitingEvents, type WaitingEvent } from './waiting-events.js';

it('leaves out the revision with most events when too many wait, and lets the others wait on', () => {
  const leftOut: [string, number][] = [];
  const waiting = new WaitingEvents({
    nowMs: () => 0,
    onLeftOut: (experiment, _revision, events) => leftOut.push([experiment, events]),
  });
  waiting.add('soon-defined', 1, eventAt(0));
  for (let offset = 1; offset <= 20_000; offset++) waiting.add('flood', 1, eventAt(offset));
  expect(leftOut).toEqual([['flood', 20_000]]);
  expect(waiting.take(experimentKey('soon-defined', 1))).toHaveLength(1);
});

/** An event of which only the place in the log matters here. */
function eventAt(offset: number): WaitingEvent {
  return { part: {}, received: { record: { offset } } } as WaitingEvent;
}
