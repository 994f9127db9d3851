import { expect, it } from 'vitest';
import { toUnitRows } from './unit-rows.js';

it('brings rows to length 1 and makes NaN of those that have none, alone', () => {
  const rows = Float32Array.of(3, 4, 0, 0, 1, NaN, 1e30, -1e30, 1, Infinity);
  toUnitRows(rows, 2);
  const half = Math.SQRT1_2;
  expect([...rows]).toEqual([0.6, 0.8, NaN, NaN, NaN, NaN, half, -half, NaN, NaN].map(Math.fround));
});
