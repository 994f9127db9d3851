import type { PictureSteps } from '../checkpoint/description.js';
import { LruCache } from '../lru-cache.js';
import type { RgbPicture } from '../pictures/rgb-picture.js';
import { cropGeometry, type CropGeometry, type SquareSteps } from './crop-geometry.js';
import { resampleColumns, resampleRows, tapsOf, type Axis, type Taps } from './resampling.js';
import { SimdResampling } from './simd-resampling.js';
import type { SquarePlace } from './square-place.js';

// Without vectors, as on a processor of before 2008, the same is computed number by number.
const simd = SimdResampling.create();
const rowsPass: typeof resampleRows = simd ? (...input) => simd.rows(...input) : resampleRows;
const columnsPass: typeof resampleColumns = simd ? (...input) => simd.columns(...input) : resampleColumns;

/** The taps of the latest sizes: a service paints pictures of a few sizes, and their taps take as long as a small picture's passes. */
const recentTaps = new LruCache<Taps>(32);

/**
 * The model's square of a picture, byte for byte as Pillow resizes in 8-bit fixed point with antialiasing: horizontal pass first, rounded
 * after each pass, then the part that is kept. Only the columns and rows of that part are computed.
 */
export function squareOf(
  picture: RgbPicture,
  steps: SquareSteps & Pick<PictureSteps, 'kernel'>,
  { output, at }: SquarePlace,
): void {
  const { side, kernel } = steps;
  const geometry = cropGeometry(picture.width, picture.height, steps);
  const { width, height, squareLeft, squareTop } = geometry;
  if (width === side) {
    const from = at + squareTop * side * 3;
    if (height < side) output.fill(0, at, at + side * side * 3);
    resample(picture, geometry, kernel, { output, at: from });
    return;
  }
  const kept = new Uint8Array(width * height * 3);
  resample(picture, geometry, kernel, { output: kept, at: 0 });
  output.fill(0, at, at + side * side * 3);
  for (let row = 0; row < height; row += 1) {
    const to = at + ((squareTop + row) * side + squareLeft) * 3;
    output.set(kept.subarray(row * width * 3, (row + 1) * width * 3), to);
  }
}

/** Writes the part that is kept, row after row without gaps. */
function resample(
  picture: RgbPicture,
  geometry: CropGeometry,
  kernel: PictureSteps['kernel'],
  { output, at }: SquarePlace,
): void {
  const { left, top, width, height, resizedWidth, resizedHeight } = geometry;
  const vertical = knownTaps(kernel, {
    inputSize: picture.height,
    outputSize: resizedHeight,
    from: top,
    count: height,
  });
  const keepsHeight = resizedHeight === picture.height;
  const firstRow = keepsHeight ? top : vertical.starts[0]!;
  const rows = keepsHeight ? height : lastInput(vertical) - firstRow;
  const keepsWidth = resizedWidth === picture.width;
  const horizontal = knownTaps(kernel, {
    inputSize: picture.width,
    outputSize: resizedWidth,
    from: left,
    count: width,
  });
  if (simd && !keepsHeight && !keepsWidth) {
    simd.both({ picture, firstRow, rows }, horizontal, vertical, { output, at });
    return;
  }
  const strip = keepsWidth
    ? cutColumns(picture, { top: firstRow, left, width, height: rows })
    : rowsPass(picture, firstRow, rows, horizontal);
  if (keepsHeight) output.set(strip, at);
  else columnsPass({ data: strip, rowBytes: width * 3, firstRow }, vertical, output, at);
}

function knownTaps(kernel: PictureSteps['kernel'], axis: Axis): Taps {
  const key = [kernel, axis.inputSize, axis.outputSize, axis.from, axis.count].join();
  const known = recentTaps.get(key);
  if (known !== undefined) return known;
  const taps = tapsOf(kernel, axis);
  recentTaps.set(key, taps);
  return taps;
}

function lastInput(taps: Taps): number {
  return taps.starts[taps.count - 1]! + taps.lengths[taps.count - 1]!;
}

/** Pillow skips the pass along an axis whose size does not change; what is left is the crop. */
function cutColumns(
  picture: RgbPicture,
  {
    top,
    left,
    width,
    height,
  }: { readonly top: number; readonly left: number; readonly width: number; readonly height: number },
): Uint8Array {
  if (width === picture.width) return picture.data.subarray(top * width * 3, (top + height) * width * 3);
  const strip = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row += 1) {
    const from = ((top + row) * picture.width + left) * 3;
    strip.set(picture.data.subarray(from, from + width * 3), row * width * 3);
  }
  return strip;
}
