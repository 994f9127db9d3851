import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEmbedding, encodeEmbedding } from './embedding.js';

describe('an embedding on the wire', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_520, 0x7c00],
    [1e300, 0x7c00],
    [Infinity, 0x7c00],
    [-Infinity, 0xfc00],
    [Number.NaN, 0x7e00],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.001, 0x0001],
    [5e-324, 0x0000],
    [2 ** -14, 0x0400],
    [2 ** -14 - 2 ** -26, 0x0400],
    [0.1, 0x2e66],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    // Rounded once: by way of float32 this would be a tie, and go down.
    [1 + 2 ** -11 + 2 ** -40, 0x3c01],
  ])('writes %d as the bits of binary16', (value, bits) => {
    expect(Buffer.from(encodeEmbedding([value]), 'base64').readUInt16LE()).toBe(bits);
  });

  it('reads what IEEE 754 says', () => {
    const known = { AAA: 0, ADw: 1, AMA: -2, '/3s': 65_504, AQA: 2 ** -24, AAQ: 2 ** -14, VTU: 0.333251953125 };
    for (const [text, number] of Object.entries(known)) expect(decodeEmbedding(`${text}=`)?.[0]).toBe(number);
    expect(decodeEmbedding('ADwAAAAA')).toEqual(Float64Array.of(1, 0, 0));
  });

  it('reads back every finite half exactly', () => {
    const bits = Buffer.alloc(2 * 0x7c00);
    for (let half = 0; half < 0x7c00; half += 1) bits.writeUInt16LE(half, half * 2);
    expect(encodeEmbedding(decodeEmbedding(bits.toString('base64'))!)).toBe(bits.toString('base64'));
  });

  it('writes what it read, bit for bit', () => {
    const bytes = fc.uint8Array({ minLength: 2, maxLength: 64 }).filter((all) => all.length % 2 === 0);
    const property = fc.property(bytes, (all) => {
      const text = Buffer.from(all).toString('base64');
      const numbers = decodeEmbedding(text);
      if (numbers !== null) expect(encodeEmbedding(numbers)).toBe(text);
      else expect(all.some((byte, index) => index % 2 === 1 && (byte & 0x7c) === 0x7c)).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('is within half a unit in the last place', () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (value) => {
        const [read] = decodeEmbedding(encodeEmbedding([value]))!;
        expect(Math.abs(read! - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
      }),
    );
  });

  it('refuses what is no embedding', () => {
    for (const text of ['', 'A', 'AA==', 'not base64', 'AQID', 'AHw=', 'AX4=', encodeEmbedding([Number.NaN])])
      expect([text, decodeEmbedding(text)]).toEqual([text, null]);
  });
});
