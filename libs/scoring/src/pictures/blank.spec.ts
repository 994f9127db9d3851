import { describe, expect, it } from 'vitest';
import { blankKindOf } from './blank.js';
import type { RgbPicture } from './rgb-picture.js';

const constant = (level: number, side = 64): RgbPicture & { readonly data: Uint8Array } => ({
  width: side,
  height: side,
  data: new Uint8Array(side * side * 3).fill(level),
});

function changed(picture: RgbPicture, change: (level: number, index: number) => number): RgbPicture {
  return { ...picture, data: picture.data.map(change) };
}

/** A disc of another level in the middle. */
function withDisc(level: number, side: number, disc: { readonly radius: number; readonly level: number }): RgbPicture {
  return changed(constant(level, side), (background, index) => {
    const [x, y] = [Math.floor(index / 3) % side, Math.floor(index / 3 / side)];
    return Math.hypot(x - side / 2, y - side / 2) <= disc.radius ? disc.level : background;
  });
}

describe('blankKindOf', () => {
  it('tells a blacked-out picture from a white or grey one', () => {
    expect([0, 3, 255, 127].map((level) => blankKindOf(constant(level)))).toEqual([
      'black',
      'black',
      'constant',
      'constant',
    ]);
  });

  it('sees through a little noise and a few stray pixels', () => {
    const noisy = changed(constant(100), (level, index) => (index < 18 ? 255 : level + (index % 5)));
    expect(blankKindOf(noisy)).toBe('constant');
  });

  it('calls a haze of a dozen levels a picture of low contrast', () => {
    expect(blankKindOf(changed(constant(100), (level, index) => level + Math.floor(index / 1_000)))).toBe(
      'low-contrast',
    );
  });

  it('does not call a small moon in the night blank, of a large picture or a small one', () => {
    expect(blankKindOf(withDisc(0, 256, { radius: 6, level: 240 }))).toBeNull();
    expect(blankKindOf(withDisc(0, 64, { radius: 2, level: 240 }))).toBeNull();
    expect(blankKindOf(withDisc(0, 256, { radius: 1, level: 240 }))).toBe('black');
  });

  it('does not call a gradient, an object or noise blank', () => {
    expect(blankKindOf(changed(constant(0), (_, index) => Math.floor(index / 192)))).toBeNull();
    expect(blankKindOf(withDisc(200, 64, { radius: 6, level: 20 }))).toBeNull();
    expect(blankKindOf(changed(constant(0), (_, index) => (index * 7919) % 256))).toBeNull();
  });
});
