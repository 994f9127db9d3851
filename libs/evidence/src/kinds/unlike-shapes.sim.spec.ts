/** @module-tag long */
import { describe, expect, it } from 'vitest';
import { type Arm, normalUpperQuantile, rejects, windowAfter } from '#libs/statistics';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';
import { definition } from '#libs/testing/traffic';
import { evidenceDesign, type MetricDesign } from '../catalogue/evidence-design.js';
import { upperTailMethod } from './upper-tail-method.js';

const P95_MS = 1_300;
const SPREAD = 0.3;
const ALPHA = 0.05;

type Law = (random: SimulationRandom) => number;

/** A lognormal law of one p95, whatever its spread. */
function lognormal(spread: number, factor = 1): Law {
  return (random) => factor * P95_MS * Math.exp(spread * (random.normal() - normalUpperQuantile(0.05)));
}

const MARGIN = 0.1;

function judged(rollbackOn: 'any-harm' | 'beyond-margin'): MetricDesign {
  const latency = { metric: 'latency-p95', margin: { kind: 'relative', value: MARGIN }, rollbackOn } as const;
  return evidenceDesign(definition({ unit: 'request', guardrails: [latency] }), 1).metrics.find(
    ({ definition: { name } }) => name === latency.metric,
  ) as MetricDesign;
}

const anyHarm = judged('any-harm');
const beyondMargin = judged('beyond-margin');

interface Found {
  harmful: boolean;
  nonInferior: boolean;
  superior: boolean;
  /** Answers of the candidate until it is called worse or better. */
  shown: number;
}

/** 100 requests a second, half of them of the candidate. @param every after how many they are looked at. */
function play(
  seed: number,
  candidate: Law,
  {
    control = lognormal(SPREAD),
    metric = anyHarm,
    values,
    every,
  }: { readonly control?: Law; readonly metric?: MetricDesign; readonly values: number; readonly every: number },
): Found {
  const random = simulationRandom(seed);
  const state = upperTailMethod.initial(metric);
  const found = { harmful: false, nonInferior: false, superior: false, shown: 0 };
  const context = {
    alpha: ALPHA,
    states: new Map([['latency-p95', state]]),
    unitsSeen: () => ({ control: 0, candidate: 0 }),
    coverage: () => ({ answered: NOBODY, covered: NOBODY, lnE: 0 }),
  };
  for (let index = 0; index < values; index++) {
    const arm: Arm = random.uniform() < 0.5 ? 'candidate' : 'control';
    const value = (arm === 'candidate' ? candidate : control)(random);
    upperTailMethod.observe(
      state,
      metric,
      { ...A_REQUEST, arm, value, window: windowAfter(index), atMs: 10 * index },
      0,
    );
    if (arm === 'candidate' && !found.harmful && !found.superior) found.shown += 1;
    if ((index + 1) % every !== 0) continue;
    const { tests } = upperTailMethod.judge(state, metric, context);
    if (rejects(tests?.harmful ?? 0, ALPHA)) found.harmful = true;
    if (rejects(tests?.nonInferior ?? 0, ALPHA)) found.nonInferior = true;
    if (rejects(tests?.superior ?? 0, ALPHA)) found.superior = true;
  }
  return found;
}

const NOBODY = { control: 0, candidate: 0 };

const A_REQUEST = {
  propensity: 0.5,
  known: 'value',
  isFirst: true,
  isAtRisk: true,
  promptClass: null,
  denominator: 1,
  before: null,
  picture: null,
} as const;

function plays(runs: number, candidate: Law, looks: Parameters<typeof play>[2]): readonly Found[] {
  return Array.from({ length: runs }, (_, seed) => play(seed + 1, candidate, looks));
}

function medianShown(runs: readonly Found[]): number {
  return runs.map(({ shown }) => shown).toSorted((a, b) => a - b)[Math.floor(runs.length / 2)] as number;
}

describe('a p95 where any harm rolls back', () => {
  it('is not called worse or better for the shape of its law', { timeout: 120_000 }, () => {
    for (const spread of [SPREAD / 3, 3 * SPREAD]) {
      const found = plays(30, lognormal(spread), { values: 4_000, every: 40 });
      // By the limit alone the narrow one is called worse in 12 of 30.
      expect(found.filter(({ harmful }) => harmful).length).toBeLessThanOrEqual(3);
      expect(found.filter(({ superior }) => superior).length).toBeLessThanOrEqual(3);
    }
  });

  it('is called worse soon where its law is shifted', { timeout: 120_000 }, () => {
    const found = plays(20, lognormal(SPREAD, 2.6), { values: 400, every: 4 });
    expect(found.every(({ harmful, superior }) => harmful && !superior)).toBe(true);
    expect(medianShown(found)).toBeLessThanOrEqual(50);
    // Where either variant counts from its own end of what is known of the limit this takes 221 answers.
    expect(medianShown(plays(30, lognormal(SPREAD, 1.3), { values: 1_500, every: 4 }))).toBeLessThanOrEqual(200);
  });
});

/** Nineteen answers of twenty come out of a cache, just short of control's p95; of the others nobody knows. */
const hardlyAnyTail: Law = (random) =>
  random.uniform() < 0.95 ? 0.98 * P95_MS : P95_MS * (1 - 0.3 * Math.log(random.uniform()));

/** So many of its answers are exactly as slow as control's p95, all others are faster. */
const atomAtP95 =
  (share: number): Law =>
  (random) =>
    random.uniform() < share ? P95_MS : 0.6 * P95_MS * random.uniform();

describe('a p95 of a candidate whose answers are nearly all equal, or a quarter of them', () => {
  it("is not called worse or better where it equals control's", { timeout: 120_000 }, () => {
    const laws = [lognormal(SPREAD / 10), lognormal(SPREAD / 100), hardlyAnyTail, atomAtP95(0.4), atomAtP95(0.25)];
    for (const law of laws) {
      const found = plays(24, law, { values: 1_200, every: 20 });
      // By three of control's values further out they are called worse in 6 to 16 of 24.
      expect(found.filter(({ harmful }) => harmful).length).toBeLessThanOrEqual(3);
      expect(found.filter(({ superior }) => superior).length).toBeLessThanOrEqual(2);
    }
  });

  it('is called worse soon where it is clearly higher', { timeout: 120_000 }, () => {
    const slow = plays(12, lognormal(SPREAD / 100, 2.6), { values: 400, every: 4 });
    expect(slow.every(({ harmful, superior }) => harmful && !superior)).toBe(true);
    expect(medianShown(slow)).toBeLessThanOrEqual(45);
    expect(medianShown(plays(24, lognormal(SPREAD / 100, 1.3), { values: 1_500, every: 4 }))).toBeLessThanOrEqual(200);
  });
});

describe('a p95 that is higher by the margin exactly', () => {
  it('is neither called worse nor proven no worse for the shape of its law', { timeout: 240_000 }, () => {
    for (const spread of [SPREAD / 3, 3 * SPREAD]) {
      const found = plays(24, lognormal(spread, 1 + MARGIN), { metric: beyondMargin, values: 4_000, every: 100 });
      // By the limit alone the narrow one is called worse in a third of the runs, and proven no worse in a sixth.
      expect(found.filter(({ harmful }) => harmful).length).toBeLessThanOrEqual(3);
      expect(found.filter(({ nonInferior }) => nonInferior).length).toBeLessThanOrEqual(2);
    }
  });
});

/** Times in whole steps, as clocks and queues that are looked at now and then tell them. */
const inSteps =
  (ms: number, law: Law): Law =>
  (random) =>
    ms * Math.round(law(random) / ms);

describe('a p95 of times in steps of a quarter of a second', () => {
  const control = inSteps(250, lognormal(SPREAD));

  it('is proven no worse where it is equal, and not called worse', { timeout: 120_000 }, () => {
    const found = plays(20, control, { control, metric: beyondMargin, values: 4_000, every: 50 });
    expect(found.filter(({ harmful, superior }) => harmful || superior).length).toBeLessThanOrEqual(3);
    expect(found.filter(({ nonInferior }) => nonInferior).length).toBeGreaterThanOrEqual(18);
  });

  it(
    'is called worse where it is higher, though no value lies between the margin and the next step',
    { timeout: 120_000 },
    () => {
      const slow = inSteps(250, lognormal(SPREAD, 1.3));
      const found = plays(20, slow, { control, metric: beyondMargin, values: 3_000, every: 20 });
      // By what stands for the bucket alone, which control's own value is a little beyond, 13 of 20 are.
      expect(found.filter(({ harmful }) => harmful).length).toBeGreaterThanOrEqual(18);
    },
  );
});
