import type { RgbPicture } from '../pictures/rgb-picture.js';
import { kernels } from './kernels.js';
import type { Kernel } from '../checkpoint/description.js';

/** Fixed point of Pillow's 8-bit resampling: 32 − 8 bits of pixel − 2 bits of headroom for the negative lobes. */
const PRECISION_BITS = 22;

/** Fixed-point taps of a run of output samples along one axis. */
export interface Taps {
  /** First output sample, and how many. */
  readonly from: number;
  readonly count: number;
  /** First input sample and number of input samples of each output sample. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** `stride` taps per output sample, unused ones zero. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** A run of output samples along one axis. */
export interface Axis {
  /** Samples along the axis before and after resizing. */
  readonly inputSize: number;
  readonly outputSize: number;
  /** First output sample wanted, and how many: the rest of the picture is never computed. */
  readonly from: number;
  readonly count: number;
}

/**
 * Taps of Pillow's 8-bit resampling with antialiasing (`Resample.c`: precompute_coeffs, normalize_coeffs_8bpc):
 * the kernel is stretched by the scale when shrinking, normalised in double precision, then rounded to 22-bit fixed point.
 */
export function tapsOf(kernel: Kernel, { inputSize, outputSize, from, count }: Axis): Taps {
  const { reach, weightAt } = kernels[kernel];
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = reach * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(count);
  const lengths = new Int32Array(count);
  const weights = new Int32Array(count * stride);
  const exact = new Float64Array(stride);
  for (let index = 0; index < count; index += 1) {
    const centre = (from + index + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const length = Math.min(Math.trunc(centre + support + 0.5), inputSize) - start;
    let sum = 0;
    for (let tap = 0; tap < length; tap += 1) {
      const weight = weightAt((tap + start - centre + 0.5) * (1 / filterScale));
      exact[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < length; tap += 1) {
      const weight = sum === 0 ? exact[tap]! : exact[tap]! / sum;
      weights[index * stride + tap] = Math.trunc(weight * 2 ** PRECISION_BITS + (weight < 0 ? -0.5 : 0.5));
    }
    starts[index] = start;
    lengths[index] = length;
  }
  return { from, count, starts, lengths, weights, stride };
}

/**
 * Horizontal pass over the input rows [`firstRow`, `firstRow + rows`) of an interleaved RGB picture.
 * @returns `rows` × `taps.count` RGB pixels
 */
export function resampleRows(
  { data, width }: RgbPicture,
  firstRow: number,
  rows: number,
  taps: Taps,
): Uint8ClampedArray | Uint8Array {
  const { count, starts, lengths, weights, stride } = taps;
  const output = new Uint8ClampedArray(rows * count * 3);
  let to = 0;
  for (let row = 0; row < rows; row += 1) {
    const rowAt = (firstRow + row) * width * 3;
    for (let column = 0; column < count; column += 1) {
      let red = 1 << (PRECISION_BITS - 1);
      let green = red;
      let blue = red;
      let at = rowAt + starts[column]! * 3;
      const firstTap = column * stride;
      const endTap = firstTap + lengths[column]!;
      for (let tap = firstTap; tap < endTap; tap += 1) {
        const weight = weights[tap]!;
        red = (red + Math.imul(data[at]!, weight)) | 0;
        green = (green + Math.imul(data[at + 1]!, weight)) | 0;
        blue = (blue + Math.imul(data[at + 2]!, weight)) | 0;
        at += 3;
      }
      output[to] = red >> PRECISION_BITS;
      output[to + 1] = green >> PRECISION_BITS;
      output[to + 2] = blue >> PRECISION_BITS;
      to += 3;
    }
  }
  return output;
}

/** Rows of `rowBytes` bytes, the first of them being row `firstRow` of the picture. */
export interface Strip {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly rowBytes: number;
  readonly firstRow: number;
}

/** Vertical pass over a strip: writes `taps.count` rows into `output`, from byte `outputAt`. */
export function resampleColumns(
  { data, rowBytes, firstRow }: Strip,
  taps: Taps,
  output: Uint8Array,
  outputAt: number,
): void {
  const { count, starts, lengths, weights, stride } = taps;
  const sums = new Int32Array(rowBytes);
  for (let row = 0; row < count; row += 1) {
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let tap = 0; tap < lengths[row]!; tap += 1) {
      const weight = weights[row * stride + tap]!;
      const from = (starts[row]! - firstRow + tap) * rowBytes;
      for (let column = 0; column < rowBytes; column += 1) {
        sums[column] = sums[column]! + Math.imul(data[from + column]!, weight);
      }
    }
    const to = outputAt + row * rowBytes;
    for (let column = 0; column < rowBytes; column += 1) {
      const level = sums[column]! >> PRECISION_BITS;
      output[to + column] = level < 0 ? 0 : level > 255 ? 255 : level;
    }
  }
}
