import { describe, expect, it } from 'vitest';
import type { Kernel } from '../checkpoint/description.js';
import { resampleColumns, resampleRows, tapsOf } from './resampling.js';
import { SimdResampling } from './simd-resampling.js';

const simd = SimdResampling.create()!;

describe.each<Kernel>(['bicubic', 'lanczos', 'bilinear', 'hamming', 'box'])('SimdResampling with %s', (kernel) => {
  it.each([
    [1024, 224],
    [37, 23],
    [23, 37],
    [5, 64],
    [4100, 64],
    [3, 1],
    [1, 3],
  ])('equals the plain passes bit for bit, %i samples to %i', (inputSize, outputSize) => {
    const rows = inputSize > 2000 ? 90 : 21;
    const picture = noise(inputSize, rows);
    const from = Math.min(2, outputSize - 1);
    const taps = tapsOf(kernel, { inputSize, outputSize, from, count: outputSize - from });
    const wanted = rows - 3;
    const plain = Buffer.from(resampleRows(picture, 2, wanted, taps));
    expect(Buffer.from(simd.rows(picture, 2, wanted, taps)).equals(plain)).toBe(true);

    // Upright: its rows are the samples.
    const upright = noise(11, inputSize);
    const strip = { data: upright.data, rowBytes: 33, firstRow: 0 };
    const [output, expected] = [
      new Uint8Array(taps.count * 33 + 7).fill(9),
      new Uint8Array(taps.count * 33 + 7).fill(9),
    ];
    simd.columns(strip, taps, output, 5);
    resampleColumns(strip, taps, expected, 5);
    expect(Buffer.from(output).equals(Buffer.from(expected))).toBe(true);
  });

  it.each([
    [301, 209, 32],
    [64, 1000, 7],
    [1201, 3, 40],
  ])('does both passes of %i × %i to %i at once as one after the other', (width, height, side) => {
    const picture = noise(width, height);
    const horizontal = tapsOf(kernel, { inputSize: width, outputSize: side, from: 1, count: side - 2 });
    const vertical = tapsOf(kernel, { inputSize: height, outputSize: side, from: 2, count: side - 3 });
    const [firstRow, last] = [vertical.starts[0]!, side - 4];
    const rows = vertical.starts[last]! + vertical.lengths[last]! - firstRow;
    const size = horizontal.count * 3 * vertical.count;
    const [output, expected] = [new Uint8Array(size + 7).fill(9), new Uint8Array(size + 7).fill(9)];
    const data = resampleRows(picture, firstRow, rows, horizontal);
    resampleColumns({ data, rowBytes: horizontal.count * 3, firstRow }, vertical, expected, 5);
    simd.both({ picture, firstRow, rows }, horizontal, vertical, { output, at: 5 });
    expect(Buffer.from(output).equals(Buffer.from(expected))).toBe(true);
  });
});

/** Of full contrast: sums go beyond what a byte holds at both ends. */
function noise(width: number, height: number) {
  let state = width * 7919 + height;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % 3 === 0 ? 255 : state % 3 === 1 ? 0 : state >>> 24;
  });
  return { width, height, data };
}
