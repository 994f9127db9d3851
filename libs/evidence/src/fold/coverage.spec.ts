import { describe, expect, it } from 'vitest';
import { hit, initialTilt, lnEDifferent } from '#libs/statistics';
import { simulationRandom } from '#libs/testing/random';
import {
  type Coverage,
  countCoverage,
  coverageReader,
  decodeCoverage,
  encodeCoverage,
  initialCoverage,
  mergeCoverage,
} from './coverage.js';
import { initialTraffic } from './traffic.js';

const SIDES = ['answered', 'generated', 'scored'] as const;

/** Ten minutes of three partitions, of which one lags by a minute; one service's reports come for what is ahead of the requests. */
function counted(): { readonly whole: Coverage; readonly parts: readonly [Coverage, Coverage, Coverage] } {
  const random = simulationRandom(3);
  const whole = initialCoverage();
  const parts = [initialCoverage(), initialCoverage(), initialCoverage()] as const;
  for (let step = 0; step < 6_000; step++) {
    const part = Math.floor(3 * random.uniform());
    const side = SIDES[Math.floor(3 * random.uniform())] as (typeof SIDES)[number];
    const late = part === 1 ? 60 : 400 * Math.max(0, random.uniform() - 0.99);
    const ahead = side === 'generated' && random.uniform() < 0.01 ? 40 : 0;
    const atMs = 1_000 * (1_000 + step / 10 - late * 10 * random.uniform() + ahead);
    const arm = random.uniform() < 0.2 ? 'candidate' : 'control';
    const ofPair = { candidate: 'b', arm, propensity: step < 3_000 ? 0.1 : 0.5 } as const;
    for (const coverage of [whole, parts[part] as Coverage]) countCoverage(coverage[side], ofPair, atMs);
  }
  return { whole, parts };
}

function readings(coverage: Coverage): unknown {
  const read = coverageReader({ coverage, traffic: initialTraffic() }, 'a');
  return [read('b', 'generated'), read('b', 'scored')];
}

it('says the same of all partitions together as of one, however they are put together', () => {
  const { whole, parts } = counted();
  const [a, b, c] = parts;
  const expected = readings(whole);
  expect(readings(mergeCoverage(mergeCoverage(a, b), c))).toEqual(expected);
  expect(readings(mergeCoverage(a, mergeCoverage(c, b)))).toEqual(expected);
  expect(readings([b, initialCoverage(), a, initialCoverage(), c].reduce(mergeCoverage))).toEqual(expected);
});

it('comes back from a snapshot as it was', () => {
  const { whole } = counted();
  const stored = JSON.parse(JSON.stringify(encodeCoverage(whole))) as ReturnType<typeof encodeCoverage>;
  expect(decodeCoverage(stored)).toEqual(whole);
  expect(encodeCoverage(decodeCoverage(stored))).toEqual(stored);
});

/** Units of so many allocations, of which one in ten of the candidate's, and one in `missing` of control's, gets no score. */
function under(propensities: readonly number[], missing: number): Coverage {
  const random = simulationRandom(11);
  const coverage = initialCoverage();
  propensities.forEach((propensity, allocation) => {
    for (let unit = 0; unit < 60; unit++) {
      const arm = random.uniform() < propensity ? 'candidate' : 'control';
      const ofPair = { candidate: 'b', arm, propensity } as const;
      countCoverage(coverage.answered, ofPair, 60_000 * allocation);
      const isMissing = random.uniform() < (arm === 'candidate' ? 0.1 : 1 / missing);
      if (!isMissing) countCoverage(coverage.scored, ofPair, 60_000 * allocation);
    }
  });
  // The last ones are too new to be judged.
  countCoverage(coverage.answered, { candidate: 'b', arm: 'control', propensity: 0.5 }, 60_000 * propensities.length);
  return coverage;
}

describe('coverage under many shares', () => {
  const unlike = Array.from({ length: 300 }, (_, index) => 0.02 + 0.0016 * index);

  it('is bounded, and does not say more than every allocation by itself would', () => {
    const coverage = under(unlike, 10);
    expect(coverage.answered.all.size).toBeLessThanOrEqual(2 * 17);
    expect(coverage.answered.recent.size).toBeLessThanOrEqual(300);
    const { answered, covered, lnE } = coverageReader({ coverage, traffic: initialTraffic() }, 'a')('b', 'scored');
    expect(answered.control + answered.candidate).toBe(18_000);
    expect(covered.control / answered.control).toBeCloseTo(0.9, 1);
    expect(lnE).toBeLessThan(1);
  });

  it('still finds a gap', () => {
    const coverage = under(unlike, 50);
    expect(coverageReader({ coverage, traffic: initialTraffic() }, 'a')('b', 'scored').lnE).toBeGreaterThan(50);
  });

  it('says of one propensity what the tilt says of it, to the digit', () => {
    const coverage = under(
      Array.from({ length: 50 }, () => 0.2),
      30,
    );
    const { answered, covered, lnE } = coverageReader({ coverage, traffic: initialTraffic() }, 'a')('b', 'scored');
    const tilt = initialTilt();
    for (const arm of ['control', 'candidate'] as const)
      for (let unit = covered[arm]; unit < answered[arm]; unit++) hit(tilt, arm, 0.2);
    expect(lnE).toBe(lnEDifferent(tilt, 0));
  });

  it('goes on with what was counted by epochs', () => {
    const before = decodeCoverage({
      answered: {
        all: [
          ['7 a', 90],
          ['7 b', 30],
        ],
        recent: [['7 a', [1_000, 20, 9, 1]]],
        newest: 1_009,
      },
      generated: { all: [], recent: [], newest: 0 },
      scored: { all: [['7 a', 60]], recent: [], newest: 990 },
    });
    const traffic = { ...initialTraffic(), sharesBefore: new Map([[7, { a: 750_000, b: 250_000 }]]) };
    for (const arm of ['control', 'candidate'] as const) {
      for (let unit = 0; unit < 10; unit++) {
        const ofPair = { candidate: 'b', arm, propensity: 0.25 };
        countCoverage(before.answered, ofPair, 1_020_000);
        countCoverage(before.scored, ofPair, 1_020_000);
      }
    }
    countCoverage(before.answered, { candidate: 'b', arm: 'control', propensity: 0.25 }, 1_040_000);
    const reading = coverageReader({ coverage: before, traffic }, 'a')('b', 'scored');
    expect(reading).toMatchObject({
      answered: { control: 100, candidate: 40 },
      covered: { control: 70, candidate: 10 },
    });
    const tilt = initialTilt();
    for (let unit = 0; unit < 30; unit++) for (const arm of ['control', 'candidate'] as const) hit(tilt, arm, 0.25);
    expect(reading.lnE).toBe(lnEDifferent(tilt, 0));
  });
});
