const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Int16Array(128).fill(-1);
for (let index = 0; index < ALPHABET.length; index++) VALUES[ALPHABET.charCodeAt(index)] = index;

/**
 * An embedding as scores carry it: IEEE 754 half-precision numbers, little endian, in base64. O(length).
 * @returns null for what is no such text, holds no number, or one that is not finite.
 */
export function decodeFloat16(text: string): Float64Array | null {
  const bytes = bytesOf(text);
  if (bytes === null || bytes.length === 0 || bytes.length % 2 !== 0) return null;
  const numbers = new Float64Array(bytes.length / 2);
  for (let k = 0; k < numbers.length; k++) {
    const number = halfToNumber((bytes[2 * k] as number) | ((bytes[2 * k + 1] as number) << 8));
    if (!Number.isFinite(number)) return null;
    numbers[k] = number;
  }
  return numbers;
}

/** The text that {@link decodeFloat16} reads as these numbers. Exact for numbers that came from there. */
export function encodeFloat16(numbers: ArrayLike<number>): string {
  const bytes = new Uint8Array(2 * numbers.length);
  for (let k = 0; k < numbers.length; k++) {
    const bits = numberToHalf(numbers[k] as number);
    bytes[2 * k] = bits & 0xff;
    bytes[2 * k + 1] = bits >> 8;
  }
  return textOf(bytes);
}

/** Rounds towards zero what has more than 11 binary digits. */
function numberToHalf(number: number): number {
  const sign = number < 0 || Object.is(number, -0) ? 0x8000 : 0;
  const size = Math.abs(number);
  if (size < 2 ** -14) return sign | Math.floor(size * 2 ** 24);
  const exponent = Math.min(15, Math.floor(Math.log2(size)));
  return sign | ((exponent + 15) << 10) | Math.min(0x3ff, Math.floor(size * 2 ** (10 - exponent)) - 1024);
}

function textOf(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = Math.min(3, bytes.length - at);
    const word = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let digit = 0; digit <= left; digit++) text += ALPHABET[(word >> (18 - 6 * digit)) & 0x3f];
    text += '='.repeat(3 - left);
  }
  return text;
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function bytesOf(text: string): Uint8Array | null {
  const digits = text.replace(/=+$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let at = 0;
  let pending = 0;
  let bits = 0;
  for (let index = 0; index < digits.length; index++) {
    const value = VALUES[digits.charCodeAt(index)] ?? -1;
    if (value < 0) return null;
    pending = ((pending << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (pending >> bits) & 0xff;
  }
  return bytes;
}
