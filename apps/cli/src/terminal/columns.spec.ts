import { expect, it } from 'vitest';
import { alignedColumns } from './columns.js';

it('measures text with control characters as it is shown', () => {
  expect(
    alignedColumns([
      ['a', 'b'],
      ['\u001b', 'x'],
      ['longer', 'y'],
    ]),
  ).toEqual(['a       b', '\\u001b  x', 'longer  y']);
});
