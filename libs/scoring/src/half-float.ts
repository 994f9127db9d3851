const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** float32 values as IEEE 754 binary16, little endian, base64. Rounds half to even; beyond ±65,504 it is infinite. */
export function encodeHalfFloats(values: Float32Array): string {
  const bytes = Buffer.allocUnsafe(values.length * 2);
  for (let index = 0; index < values.length; index += 1) bytes.writeUInt16LE(halfOf(values[index]!), index * 2);
  return bytes.toString('base64');
}

/**
 * Reads what `encodeHalfFloats` wrote.
 * @throws RangeError when the text holds an odd number of bytes
 */
export function decodeHalfFloats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length % 2 !== 0)
    throw new RangeError(`${bytes.length} bytes are no float16 values: expected an even number`);
  const values = new Float32Array(bytes.length / 2);
  for (let index = 0; index < values.length; index += 1) values[index] = floatOf(bytes.readUInt16LE(index * 2));
  return values;
}

function halfOf(value: number): number {
  float[0] = value;
  const word = bits[0]!;
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const mantissa = word & 0x7fffff;
  if (exponent === 0xff) return sign | (mantissa === 0 ? 0x7c00 : 0x7e00);
  const unbiased = exponent - 127;
  if (unbiased >= 16) return sign | 0x7c00;
  if (unbiased < -25) return sign;
  if (unbiased < -14) return sign | roundHalfToEven(mantissa | 0x800000, -unbiased - 1);
  // A carry out of the mantissa runs into the exponent, which is what rounding up to the next power of two means.
  return sign | (((unbiased + 15) << 10) + roundHalfToEven(mantissa, 13));
}

function roundHalfToEven(mantissa: number, shift: number): number {
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

function floatOf(half: number): number {
  const sign = (half & 0x8000) === 0 ? 1 : -1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
