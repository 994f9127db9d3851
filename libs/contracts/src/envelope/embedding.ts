const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const LARGEST_HALF = 0x7bff;
const INFINITE = 0x7c00;
const NOT_A_NUMBER = 0x7e00;

const view = new DataView(new ArrayBuffer(8));

/**
 * An embedding as scores carry it: IEEE 754 binary16 numbers, little endian, in base64. Rounds half to even; beyond ±65,504 a number
 * becomes infinite, which {@link decodeEmbedding} refuses. O(length).
 */
export function encodeEmbedding(numbers: ArrayLike<number>): string {
  const bytes = Buffer.allocUnsafe(numbers.length * 2);
  for (let index = 0; index < numbers.length; index += 1) {
    bytes.writeUInt16LE(halfOf(numbers[index] as number), index * 2);
  }
  return bytes.toString('base64');
}

/**
 * Reads what {@link encodeEmbedding} wrote. O(length).
 * @returns null for what is no such text, holds no number, or one that is not finite.
 */
export function decodeEmbedding(text: string): Float64Array | null {
  if (!BASE64.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.length % 2 !== 0) return null;
  const numbers = new Float64Array(bytes.length / 2);
  for (let index = 0; index < numbers.length; index += 1) {
    const half = bytes.readUInt16LE(index * 2);
    if ((half & 0x7fff) > LARGEST_HALF) return null;
    numbers[index] = numberOf(half);
  }
  return numbers;
}

function halfOf(number: number): number {
  if (Number.isNaN(number)) return NOT_A_NUMBER;
  const size = Math.abs(number);
  view.setFloat64(0, number);
  const word = view.getUint16(0);
  const sign = word & 0x8000;
  // 10 binary digits behind the point of a normal half; the smallest exponent is shared with the subnormal ones.
  const exponent = Math.max(((word >> 4) & 0x7ff) - 1023, -14);
  if (exponent > 15) return sign | INFINITE;
  // A carry out of the fraction runs into the exponent, which is what rounding up to the next power of two means.
  return sign | (((exponent + 14) << 10) + roundHalfToEven(size * 2 ** (10 - exponent)));
}

function roundHalfToEven(number: number): number {
  const below = Math.floor(number);
  const rest = number - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

function numberOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
