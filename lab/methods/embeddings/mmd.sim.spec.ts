import { describe, expect, it } from 'vitest';
import { bandwidthsOf, unbiasedMmd } from '#libs/statistics';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { cmmd } from './cmmd.js';
import { crossMmd } from './cross-mmd.js';

describe('MMD on seeded draws', () => {
  const bandwidths = bandwidthsOf(draw(simulationRandom(1), 80, 4)) as readonly number[];
  const RUNS = 120;
  // Four standard errors of a share of RUNS at 95 %.
  const TOLERANCE = 4 * Math.sqrt((0.05 * 0.95) / RUNS);

  it('is unbiased and its interval covers 0 where the laws are equal, for unequal sizes', () => {
    let [covered, total, squares] = [0, 0, 0];
    for (let run = 0; run < RUNS; run++) {
      const random = simulationRandom(100 + run);
      const { mmd2, interval } = unbiasedMmd(draw(random, 30, 4), draw(random, 50, 4), bandwidths, 0.05);
      total += mmd2 as number;
      squares += (mmd2 as number) ** 2;
      if (interval !== null && interval.low <= 0 && interval.high >= 0) covered += 1;
    }
    expect(Math.abs(total / RUNS)).toBeLessThan((4 * Math.sqrt(squares)) / RUNS);
    expect(covered / RUNS).toBeGreaterThan(0.95 - TOLERANCE);
  });

  it('has an interval that covers the true value where the laws differ', () => {
    const truth = expectedMmd2(0.6, 4, bandwidths);
    let covered = 0;
    for (let run = 0; run < RUNS; run++) {
      const random = simulationRandom(1_100 + run);
      const { interval } = unbiasedMmd(draw(random, 30, 4), draw(random, 50, 4, 0.6), bandwidths, 0.05);
      if (interval !== null && interval.low <= truth && interval.high >= truth) covered += 1;
    }
    expect(covered / RUNS).toBeGreaterThan(0.95 - TOLERANCE);
    expect(covered / RUNS).toBeLessThan(1);
  });

  it('sees a change of spread that keeps the mean', () => {
    const random = simulationRandom(7);
    const { interval } = unbiasedMmd(draw(random, 150, 4), draw(random, 150, 4, 0, 1.6), bandwidths, 0.05);
    expect(interval?.low).toBeGreaterThan(0);
  });

  it('has a cross statistic that is standard normal where the laws are equal, and large where they differ', () => {
    let [beyond, total] = [0, 0];
    for (let run = 0; run < RUNS; run++) {
      const random = simulationRandom(2_100 + run);
      const t = crossMmd(draw(random, 60, 4), draw(random, 60, 4), bandwidths).t as number;
      total += t;
      if (t > 1.645) beyond += 1;
    }
    expect(Math.abs(total / RUNS)).toBeLessThan(4 / Math.sqrt(RUNS));
    expect(beyond / RUNS).toBeLessThan(0.05 + TOLERANCE);
    const random = simulationRandom(4);
    expect(crossMmd(draw(random, 80, 4), draw(random, 80, 4, 0.6), bandwidths).t).toBeGreaterThan(4);
  });

  it('reads as the warning says of CMMD without any difference, on vectors of many dimensions', () => {
    expect(Math.abs(meanCmmd(25) - 0.42)).toBeLessThan(0.06);
    expect(Math.abs(meanCmmd(100) - 0.11)).toBeLessThan(0.015);
  });
});

/** Unit vectors with a mean cosine of 0.47, about that of pictures of like prompts. */
function clipLike(random: SimulationRandom, n: number): Float64Array[] {
  return draw(random, n, 128).map((vector) => {
    vector[0] = Math.sqrt((128 * 0.47) / 0.53);
    return vector;
  });
}

/** Two normal laws a `shift` apart in every coordinate: E k = (σ²/(σ²+2))^{d/2} exp(−‖shift‖²/(2(σ²+2))). */
function expectedMmd2(shift: number, dimension: number, bandwidths: readonly number[]): number {
  const terms = bandwidths.map((sigma) => {
    const width = sigma * sigma + 2;
    const within = ((sigma * sigma) / width) ** (dimension / 2);
    return 2 * within * (1 - Math.exp((-dimension * shift * shift) / (2 * width)));
  });
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

function meanCmmd(n: number): number {
  const random = simulationRandom(n);
  const runs = 6;
  let sum = 0;
  for (let run = 0; run < runs; run++) sum += cmmd(clipLike(random, n), clipLike(random, n)) as number;
  return sum / runs;
}

function draw(random: SimulationRandom, n: number, dimension: number, mean = 0, spread = 1): Float64Array[] {
  return Array.from({ length: n }, () =>
    Float64Array.from({ length: dimension }, () => mean + spread * random.normal()),
  );
}
