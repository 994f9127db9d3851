/** A pixel counts as background when no channel is farther than this from the median level: 8-bit grey levels. */
const TOLERANCE_LEVELS = 4;
/** Share of background pixels from which a picture is blank: one stray pixel in two hundred does not make it a picture. */
const BLANK_SHARE = 0.995;
/** Pixels whose median stands for the background. Odd, so that they don't fall on one column of a picture. */
const SAMPLES = 63;

/**
 * Whether (nearly) all pixels have the same colour, as after a safety checker's black-out or a collapsed sampler.
 * A gradient over more than a few levels is not blank, nor is noise.
 *
 * @param pixels interleaved 8-bit RGB
 */
export function isBlank(pixels: Uint8Array): boolean {
  const [red, green, blue] = medianLevels(pixels);
  const allowedStrays = Math.floor((pixels.length / 3) * (1 - BLANK_SHARE));
  let strays = 0;
  for (let at = 0; at < pixels.length; at += 3) {
    if (
      Math.abs(pixels[at]! - red) > TOLERANCE_LEVELS ||
      Math.abs(pixels[at + 1]! - green) > TOLERANCE_LEVELS ||
      Math.abs(pixels[at + 2]! - blue) > TOLERANCE_LEVELS
    ) {
      strays += 1;
      if (strays > allowedStrays) return false;
    }
  }
  return true;
}

/** Median level of each channel over some evenly spread pixels: in a blank picture it is the level of the background. */
function medianLevels(pixels: Uint8Array): readonly [number, number, number] {
  const step = Math.max(1, Math.floor(pixels.length / 3 / SAMPLES)) * 3;
  const levels = Array.from({ length: 3 }, (_, channel) => {
    const samples = new Uint8Array(Math.ceil(pixels.length / step));
    for (let index = 0; index < samples.length; index += 1) samples[index] = pixels[index * step + channel]!;
    return samples.sort()[samples.length >> 1]!;
  });
  return [levels[0]!, levels[1]!, levels[2]!];
}
