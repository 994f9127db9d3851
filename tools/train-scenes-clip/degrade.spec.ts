import { describe, expect, it } from 'vitest';
import { drawScene, PICTURE_BYTES } from '#libs/scenes';
import { degrade } from './degrade.js';

const picture = drawScene(
  { objects: [{ size: 'large', colour: 'red', shape: 'cross', place: 'top' }], background: 'sand' },
  3,
);

describe('degrade', () => {
  it('adds noise of the given spread', () => {
    const noisy = degrade(new Uint8Array(PICTURE_BYTES).fill(128), { kind: 'noise', sigmaLevels: 20, seed: 1 });
    const mean = noisy.reduce((sum, level) => sum + level, 0) / PICTURE_BYTES;
    const spread = Math.sqrt(noisy.reduce((sum, level) => sum + (level - mean) ** 2, 0) / PICTURE_BYTES);
    expect(Math.abs(mean - 128)).toBeLessThan(1);
    expect(Math.abs(spread - 20)).toBeLessThan(0.5);
  });

  it('adds the same noise for the same seed only', () => {
    expect(withNoise(1)).toEqual(withNoise(1));
    expect(withNoise(2)).not.toEqual(withNoise(1));
  });

  it('blurs a point into a Gaussian of the given width and keeps the light', () => {
    const point = new Uint8Array(PICTURE_BYTES);
    for (let y = 28; y < 36; y += 1) for (let x = 28; x < 36; x += 1) point[(y * 64 + x) * 3] = 255;
    const blurred = degrade(point, { kind: 'blur', sigmaPx: 2 });
    expect(light(blurred) / light(point)).toBeCloseTo(1, 1);
    expect(blurred[(31 * 64 + 27) * 3]).toBeGreaterThan(60);
    expect(blurred[(31 * 64 + 40) * 3]).toBeLessThan(5);
  });

  it('leaves an even picture even when blurring, up to its border', () => {
    const even = new Uint8Array(PICTURE_BYTES).fill(77);
    expect(degrade(even, { kind: 'blur', sigmaPx: 2.5 })).toEqual(even);
  });

  it('rounds to multiples of the step when banding', () => {
    const banded = degrade(picture, { kind: 'banding', stepLevels: 24 });
    expect(banded.filter((level) => level % 24 !== 0 && level !== 255)).toHaveLength(0);
  });

  it('leaves the given picture as it was', () => {
    const before = Uint8Array.from(picture);
    degrade(picture, { kind: 'blur', sigmaPx: 2 });
    degrade(picture, { kind: 'noise', sigmaLevels: 20, seed: 1 });
    degrade(picture, { kind: 'banding', stepLevels: 24 });
    expect(picture).toEqual(before);
  });
});

function withNoise(seed: number): Uint8Array {
  return degrade(picture, { kind: 'noise', sigmaLevels: 20, seed });
}

function light(bytes: Uint8Array): number {
  return bytes.reduce((sum, level) => sum + level, 0);
}
