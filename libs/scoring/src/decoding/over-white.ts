/**
 * Lays interleaved 8-bit RGBA over white, in place: what a transparent pixel hides is seen by nobody, so no score may depend on it.
 * @returns the RGB values in the first three quarters of the same memory, and whether anything shone through
 */
export function overWhite(rgba: Uint8Array): { readonly data: Uint8Array; readonly isTransparent: boolean } {
  let isTransparent = false;
  let to = 0;
  for (let from = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3]!;
    if (alpha === 255) {
      rgba[to] = rgba[from]!;
      rgba[to + 1] = rgba[from + 1]!;
      rgba[to + 2] = rgba[from + 2]!;
      continue;
    }
    isTransparent = true;
    rgba[to] = 255 - times(255 - rgba[from]!, alpha);
    rgba[to + 1] = 255 - times(255 - rgba[from + 1]!, alpha);
    rgba[to + 2] = 255 - times(255 - rgba[from + 2]!, alpha);
  }
  return { data: rgba.subarray(0, to), isTransparent };
}

/** a · b ÷ 255, rounded, as Pillow computes it (`MULDIV255`). */
export function times(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}
