import { expect, it } from 'vitest';
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
import { epochOf, initialTraffic } from './traffic.js';

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
    const variant = random.uniform() < 0.2 ? 'b' : 'a';
    const epoch = step < 3_000 ? 1 : 2;
    for (const coverage of [whole, parts[part] as Coverage]) countCoverage(coverage[side], epoch, variant, atMs);
  }
  return { whole, parts };
}

const traffic = initialTraffic();
epochOf(traffic, 1, 0, { a: 900_000, b: 100_000 });
epochOf(traffic, 2, 1, { a: 500_000, b: 500_000 });

function readings(coverage: Coverage): unknown {
  const read = coverageReader({ coverage, traffic }, 'a');
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
