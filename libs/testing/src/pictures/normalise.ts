/**
 * Scales 8-bit RGB to [0, 1], subtracts the mean, divides by the deviation and moves channels first, in float32 arithmetic
 * as torchvision's `ToTensor` and `Normalize` do. Engines whose graph takes uint8 do the same inside the graph.
 *
 * @param pixels one interleaved `side` × `side` picture
 * @returns 3 × side × side
 */
export function normalise(
  pixels: Uint8Array,
  mean: readonly [number, number, number],
  deviation: readonly [number, number, number],
): Float32Array {
  const area = pixels.length / 3;
  const output = new Float32Array(pixels.length);
  for (let channel = 0; channel < 3; channel += 1) {
    const offset = Math.fround(mean[channel]!);
    const scale = Math.fround(deviation[channel]!);
    for (let index = 0; index < area; index += 1) {
      const level = Math.fround(pixels[index * 3 + channel]! / 255);
      output[channel * area + index] = Math.fround(level - offset) / scale;
    }
  }
  return output;
}
