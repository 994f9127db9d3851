import { expect, it } from 'vitest';
import { decodeSeries, encodeSeries } from './count-series.js';

it('comes back as it was, in the order of time', () => {
  const counts = new Map([
    [1_767_225_603, 4],
    [1_767_225_600, 25],
    [1_767_225_601, 7],
    [-3, 1],
  ]);
  expect(encodeSeries(counts)).toEqual([-3, 1, 1_767_225_603, 25, 1, 7, 2, 4]);
  expect([...decodeSeries(encodeSeries(counts))]).toEqual([...counts].sort(([a], [b]) => a - b));
  expect(encodeSeries(decodeSeries([]))).toEqual([]);
});
