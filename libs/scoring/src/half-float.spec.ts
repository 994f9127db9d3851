import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHalfFloats, encodeHalfFloats } from './half-float.js';

const roundTrip = (value: number): number => decodeHalfFloats(encodeHalfFloats(new Float32Array([value])))[0]!;

describe('half floats', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_520, 0x7c00],
    [Infinity, 0x7c00],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.001, 0x0001],
    [2 ** -14, 0x0400],
    [0.1, 0x2e66],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
  ])('%d is encoded as the bits of binary16', (value, bits) => {
    expect(Buffer.from(encodeHalfFloats(new Float32Array([value])), 'base64').readUInt16LE()).toBe(bits);
  });

  it('keeps NaN', () => {
    expect(roundTrip(Number.NaN)).toBeNaN();
  });

  it('reads back every finite half exactly', () => {
    const bits = Buffer.alloc(2 * 0x7c00);
    for (let half = 0; half < 0x7c00; half += 1) bits.writeUInt16LE(half, half * 2);
    expect(encodeHalfFloats(decodeHalfFloats(bits.toString('base64')))).toBe(bits.toString('base64'));
  });

  it('is within half a unit in the last place', () => {
    fc.assert(
      fc.property(fc.float({ min: -1, max: 1, noNaN: true }), (value) => {
        expect(Math.abs(roundTrip(value) - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
      }),
    );
  });

  it('refuses an odd number of bytes', () => {
    expect(() => decodeHalfFloats(Buffer.from([1, 2, 3]).toString('base64'))).toThrow('3 bytes are no float16 values');
  });
});
