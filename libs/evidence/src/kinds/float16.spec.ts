import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFloat16, encodeFloat16 } from './float16.js';

describe('half-precision embeddings', () => {
  it('reads what IEEE 754 says', () => {
    const known = { AAA: 0, ADw: 1, AMA: -2, '/3s': 65_504, AQA: 2 ** -24, AAQ: 2 ** -14, VTU: 0.333251953125 };
    for (const [text, number] of Object.entries(known)) expect(decodeFloat16(`${text}=`)?.[0]).toBe(number);
    expect(decodeFloat16('ADwAAAAA')).toEqual(Float64Array.of(1, 0, 0));
  });

  it('writes what it read, bit for bit', () => {
    const bytes = fc.uint8Array({ minLength: 2, maxLength: 64 }).filter((all) => all.length % 2 === 0);
    const property = fc.property(bytes, (all) => {
      const text = Buffer.from(all).toString('base64');
      const numbers = decodeFloat16(text);
      if (numbers !== null) expect(encodeFloat16(numbers)).toBe(text);
      else expect(all.some((byte, index) => index % 2 === 1 && (byte & 0x7c) === 0x7c)).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('refuses what is no embedding', () => {
    for (const text of ['', 'A', 'AA==', 'not base64', 'AHw=', 'AX4='])
      expect([text, decodeFloat16(text)]).toEqual([text, null]);
  });
});
