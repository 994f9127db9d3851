import { expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.js';

it.each([
  ['120', 120_000],
  ['1.5', 1_500],
  ['Sat, 28 Nov 2026 03:50:30 GMT', 30_000],
  ['Sat, 28 Nov 2026 03:49:00 GMT', 0],
  ['-5', 0],
  ['soon', 0],
  [undefined, 0],
])('an answer that asks for a pause until %s gets %d ms', (asked, ms) => {
  expect(retryAfterMs(asked, Date.parse('2026-11-28T03:50:00Z'))).toBe(ms);
});
