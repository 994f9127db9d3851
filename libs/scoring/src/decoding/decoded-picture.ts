import type { RgbPicture } from '../pictures/rgb-picture.js';

/**
 * In what a decoded picture differs from Pillow's `convert('RGB')`:
 * - `alpha-over-white`: transparent pixels lie over white; Pillow shows what they hide.
 * - `grey-16-high-byte`: of grey in 16 bits the upper eight are kept; Pillow makes white of all but the darkest.
 * - `avif-by-libheif`: colour is interpolated and 10 bits are rounded otherwise, up to some levels along edges.
 * - `halved-while-read`: more than 4096 × 4096 pixels; halved, more than once where it has to be.
 */
export type DecodingNote = 'alpha-over-white' | 'grey-16-high-byte' | 'avif-by-libheif' | 'halved-while-read';

export interface DecodedPicture extends RgbPicture {
  /** Empty: byte for byte what Pillow decodes. */
  readonly notes: readonly DecodingNote[];
}
