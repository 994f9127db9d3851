import { describe, expect, it } from 'vitest';
import { isBlank } from './blank.js';

const constant = (level: number): Uint8Array => new Uint8Array(64 * 64 * 3).fill(level);

describe('isBlank', () => {
  it('sees a blacked-out, a white and a grey picture', () => {
    expect([0, 255, 127].map((level) => isBlank(constant(level)))).toEqual([true, true, true]);
  });

  it('sees through a little noise and a few stray pixels', () => {
    const pixels = constant(100).map((level, index) => level + (index % 5));
    pixels.fill(255, 0, 18);
    expect(isBlank(pixels)).toBe(true);
  });

  it('does not call a gradient, a small object or noise blank', () => {
    expect(isBlank(constant(0).map((_, index) => Math.floor(index / 192)))).toBe(false);
    const object = constant(200);
    for (let row = 10; row < 20; row += 1) object.fill(20, (row * 64 + 10) * 3, (row * 64 + 20) * 3);
    expect(isBlank(object)).toBe(false);
    expect(isBlank(constant(0).map((_, index) => (index * 7919) % 256))).toBe(false);
  });
});
