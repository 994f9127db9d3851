import type { RgbPicture } from '../pictures/rgb-picture.js';
import { bicubicTaps, resampleColumns, resampleRows, type Taps } from './bicubic.js';
import { cropGeometry } from './crop-geometry.js';

/**
 * The model's square of a picture, byte for byte as Pillow and torchvision compute it for OpenAI's CLIP: bicubic with
 * antialiasing in 8-bit fixed point, horizontal pass first, rounded after each pass, then the centred square.
 * Only the columns and rows that reach the square are computed; a picture that already has the model's size is copied.
 *
 * @param output receives `side` × `side` interleaved RGB pixels from byte `outputAt` on
 */
export function clipCrop(picture: RgbPicture, side: number, output: Uint8Array, outputAt = 0): void {
  if (picture.width === side && picture.height === side) {
    output.set(picture.data, outputAt);
    return;
  }
  const geometry = cropGeometry(picture.width, picture.height, side);
  const vertical = bicubicTaps(picture.height, geometry.resizedHeight, geometry.top, side);
  const keepsHeight = geometry.resizedHeight === picture.height;
  const firstRow = keepsHeight ? geometry.top : vertical.starts[0]!;
  const rows = keepsHeight ? side : lastInput(vertical) - firstRow;
  const strip =
    geometry.resizedWidth === picture.width
      ? cutColumns(picture, { top: firstRow, left: geometry.left, width: side, height: rows })
      : resampleRows(picture, firstRow, rows, bicubicTaps(picture.width, geometry.resizedWidth, geometry.left, side));
  if (keepsHeight) output.set(strip, outputAt);
  else resampleColumns({ data: strip, rowBytes: side * 3, firstRow }, vertical, output, outputAt);
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
  const strip = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row += 1) {
    const from = ((top + row) * picture.width + left) * 3;
    strip.set(picture.data.subarray(from, from + width * 3), row * width * 3);
  }
  return strip;
}
