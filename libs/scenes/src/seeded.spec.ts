import { describe, expect, it } from 'vitest';
import { gaussianNoise, noiseDeviations } from './gaussian-noise.js';
import { hashText, seededRandom } from './seeded.js';

describe('seeded randomness', () => {
  // The numbers come from other implementations of sfc32 and MurmurHash3 (over UTF-16, little-endian), written in Python.
  it('gives the same numbers on every machine', () => {
    const random = seededRandom(1, 2);
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([4198616899, 3289234483, 488419817]);
    expect([hashText(''), hashText('a'), hashText('scene', 7), hashText('ab')]).toEqual([
      0, 1867108634, 3160623889, 374890698,
    ]);
  });

  it('spreads uniform draws evenly, neighbouring seeds included', () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let seed = 0; seed < 16_000; seed += 1) counts[seededRandom(seed).index(16)]! += 1;
    const chiSquared = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(37.7); // 99.9 % of χ² with 15 degrees of freedom
  });

  it('draws noise of mean 0 and standard deviation 1', () => {
    const noise = Array.from(gaussianNoise(5, 60_000), noiseDeviations);
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
  });

  it('refuses slices that the table cannot hold', () => {
    expect(() => gaussianNoise(1, 100_000)).toThrow('at most 65536 numbers can be drawn at once, not 100000');
  });
});
