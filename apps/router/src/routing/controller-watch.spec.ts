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
