/** How weights lie in a file, little endian. */
export type WeightType = 'F64' | 'F32' | 'F16' | 'BF16';

export const BYTES_OF: Readonly<Record<WeightType, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

/**
 * The numbers of `bytes` in single precision; exact for all types but F64.
 * @param bytes aligned to the size of its type, as a buffer of its own is
 */
export function toFloat32(type: WeightType, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  const count = byteLength / BYTES_OF[type];
  switch (type) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    case 'F16':
      return fromHalves(new Uint16Array(buffer, byteOffset, count));
    case 'BF16':
      return fromBrainFloats(new Uint16Array(buffer, byteOffset, count));
    default:
      return type satisfies never;
  }
}

/** bfloat16 is the upper half of a float32. */
function fromBrainFloats(values: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.length);
  for (let index = 0; index < values.length; index += 1) bits[index] = values[index]! << 16;
  return new Float32Array(bits.buffer);
}

function fromHalves(values: Uint16Array): Float32Array<ArrayBuffer> {
  const table = (halves ??= tableOfHalves());
  const result = new Float32Array(values.length);
  for (let index = 0; index < values.length; index += 1) result[index] = table[values[index]!]!;
  return result;
}

/** Every half there is: a checkpoint has hundreds of millions of them. */
let halves: Float32Array | undefined;

function tableOfHalves(): Float32Array {
  return Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
