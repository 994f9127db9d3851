import { expect, it } from 'vitest';
import { ControllerWatch } from './controller-watch.js';

it('takes a sign of life once: sent again, or an older one, it says nothing of the present', () => {
  const watch = new ControllerWatch(() => 0);
  const [first, second] = ['2026-11-20T10:15:31.000Z', '2026-11-20T10:15:32.000Z'];
  expect(watch.isNews('decision-1', first, 'a')).toBe(true);
  expect(watch.isNews('decision-1', second, 'b')).toBe(true);
  expect(watch.isNews('decision-1', second, 'b')).toBe(false);
  expect(watch.isNews('decision-1', first, 'a')).toBe(false);
  // Another controller, or the same one within a millisecond.
  expect(watch.isNews('decision-2', first, 'c')).toBe(true);
  expect(watch.isNews('decision-1', second, 'd')).toBe(true);
});

it('takes none of a controller of before: its signs of life, sent again one by one, keep nobody alive', () => {
  const watch = new ControllerWatch(() => 0);
  expect(watch.isNews('decision-2', '2026-11-20T12:00:00.000Z', 'now')).toBe(true);
  for (let minute = 10; minute < 59; minute += 1)
    expect(watch.isNews('decision-1', `2026-11-20T11:${minute}:00.000Z`, `${minute}`)).toBe(false);
  // Two at once, one of them slow.
  expect(watch.isNews('decision-3', '2026-11-20T11:59:59.000Z', 'beside')).toBe(true);
});

it('takes none from before an order, where a router starts while the controller is dead', () => {
  const watch = new ControllerWatch(
    () => 0,
    () => Date.parse('2026-11-20T15:00:00.000Z'),
  );
  watch.ordered('2026-11-20T12:00:00.000Z');
  watch.ordered('2026-11-20T11:00:00.000Z');
  for (let minute = 10; minute < 59; minute += 1)
    expect(watch.isNews('decision-1', `2026-11-20T11:${minute}:00.000Z`, `${minute}`)).toBe(false);
  expect(watch.isNews('decision-1', '2026-11-20T12:00:01.000Z', 'after')).toBe(true);
});

it('is not kept from what is new by an order of a clock that was set back since', () => {
  const watch = new ControllerWatch(
    () => 0,
    () => Date.parse('2026-11-20T12:00:00.000Z'),
  );
  watch.ordered('2030-01-01T00:00:00.000Z');
  expect(watch.isNews('decision-1', '2026-11-20T12:00:00.000Z', 'now')).toBe(true);
});
