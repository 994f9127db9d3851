import { times } from './over-white.js';

/**
 * Turns interleaved 8-bit CMYK (0: no ink) into RGB in place, as Pillow's `convert('RGB')` does: no profile, black takes from all three.
 * @returns the RGB values in the first three quarters of the same memory
 */
export function rgbOfCmyk(cmyk: Uint8Array): Uint8Array {
  let to = 0;
  for (let from = 0; from < cmyk.length; from += 4, to += 3) {
    const white = 255 - cmyk[from + 3]!;
    cmyk[to] = Math.max(0, white - times(cmyk[from]!, white));
    cmyk[to + 1] = Math.max(0, white - times(cmyk[from + 1]!, white));
    cmyk[to + 2] = Math.max(0, white - times(cmyk[from + 2]!, white));
  }
  return cmyk.subarray(0, to);
}
