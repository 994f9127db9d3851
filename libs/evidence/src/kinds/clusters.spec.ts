import { simulationRandom } from '#libs/testing/random';
import { describe, expect, it } from 'vitest';
import { clustering, initialClusters, noteForClusters } from './clusters.js';

const REACH_MS = 600;

/** Clustering of 4,000 values, 5 ms apart, of which the chosen are bad; every `part`th of them. */
function of(isBad: (index: number) => boolean, part = 1): number {
  const clusters = initialClusters();
  for (let index = 0; index < 4_000; index++)
    if (index % part === 0)
      noteForClusters(clusters, { isBad: isBad(index), atMs: 1e12 + 5 * index, reachMs: REACH_MS });
  return clustering(clusters);
}

describe('how control’s slow requests follow each other', () => {
  it('is independent where each is slow by itself, however many are', () => {
    for (const [seed, share] of [
      [1, 0.02],
      [2, 0.05],
      [3, 0.4],
    ] as const) {
      const random = simulationRandom(seed);
      expect(of(() => random.uniform() < share)).toBeLessThan(0.1);
    }
  });

  it('is clustered where one in twenty is slow, in stretches', () => {
    expect(of((index) => index % 1_000 < 50)).toBe(1);
  });

  it('is the same in a part of the log', () => {
    expect(of((index) => index % 1_000 < 50, 4)).toBe(1);
  });

  it('is unknown before anything is slow, and without values', () => {
    expect(of(() => false)).toBe(0);
    expect(clustering(initialClusters())).toBe(0);
  });
});
