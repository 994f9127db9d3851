import type { Margin } from '#libs/contracts';
import type { Arm } from '#libs/statistics';
import { type SimulationRandom, simulationRandom } from '#libs/testing/random';
import { definition } from '#libs/testing/traffic';
import { describe, expect, it } from 'vitest';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import type { Judgement, Observation } from './method.js';
import { methodOf } from './metric-evidence.js';

const LN_20 = Math.log(20);

interface Drawn {
  readonly value: number;
  readonly denominator?: number;
}

interface Situation {
  readonly metric: string;
  readonly margin?: Margin;
  readonly share?: number;
  readonly units: number;
  readonly seed?: number;
  readonly draw: (random: SimulationRandom, arm: Arm, index: number) => Drawn;
}

/** Folds units one by one into the evidence of a metric with a margin of 5 %, as one partition does. */
function judged({ metric: name, margin, share = 0.5, units, seed = 7, draw }: Situation): Judgement {
  const guardrail = {
    metric: name,
    margin: margin ?? ({ kind: 'relative', value: 0.05 } as const),
    rollbackOn: 'beyond-margin' as const,
  };
  const { metrics, baselineUnits } = evidenceDesign(definition({ guardrails: [guardrail] }), 1);
  const metric = metrics.find(({ definition: { name: known } }) => known === name) as (typeof metrics)[number];
  const method = methodOf(metric.definition.kind);
  const state = method.initial(metric);
  const random = simulationRandom(seed);
  for (let index = 0; index < units; index++) {
    const arm = random.uniform() < share ? 'candidate' : 'control';
    const drawn = draw(random, arm, index);
    method.observe(state, metric, { ...FIRST, denominator: 1, ...drawn, arm, propensity: share }, baselineUnits);
  }
  return method.judge(state, metric, { alpha: 0.05 } as Parameters<typeof method.judge>[2]);
}

const FIRST = {
  known: 'value',
  picture: null,
  isFirst: true,
  isAtRisk: true,
  window: 0,
  promptClass: null,
  before: null,
  atMs: 0,
} satisfies Partial<Observation>;

const usual = (random: SimulationRandom, spread = 0.15): number => Math.exp(spread * random.normal());

describe('absurd values among control’s first ones', () => {
  it.each(['gpu-seconds', 'gpu-seconds-per-image'])(
    'make no margin of %s: a candidate half as slow again is found',
    (metric) => {
      let absurd = 0;
      const { tests } = judged({
        metric,
        units: 600,
        draw: (random, arm, index) => {
          if (arm === 'control' && index > 40 && absurd < 4) return { value: absurd++ === 0 ? 1e20 : 432_000 };
          return { value: usual(random) * (arm === 'candidate' ? 1.5 : 1) };
        },
      });
      expect(absurd).toBe(4);
      expect(tests?.margin).toBeGreaterThan(0.045);
      expect(tests?.margin).toBeLessThan(0.055);
      expect(tests?.harmful).toBeGreaterThan(LN_20);
    },
  );

  it('make no denominator either', () => {
    const { tests } = judged({
      metric: 'gpu-seconds-per-image',
      units: 600,
      draw: (random, arm, index) => {
        const denominator = index % 100 === 50 ? 1e9 : 2;
        return { value: 2 * usual(random) * (arm === 'candidate' ? 1.5 : 1), denominator };
      },
    });
    expect(tests?.margin).toBeCloseTo(0.05, 2);
  });
});

describe('a heavy tail', () => {
  it('is no control near zero: its margin is that of the usual values', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { missing, tests } = judged({
        metric: 'cost-per-image',
        units: 600,
        seed,
        draw: (random) => ({ value: 0.01 * usual(random) * (random.uniform() < 1 / 300 ? 2_000 : 1) }),
      });
      expect(missing).toBeNull();
      expect(tests?.margin).toBeCloseTo(0.0005, 4);
    }
  });
});

/** An equal candidate, of which some of the last values say 432. */
const equalBut = (absurd: number): Judgement => {
  let left = absurd;
  return judged({
    metric: 'cost-per-image',
    units: 4_000,
    draw: (random, arm, index) => {
      const isAbsurd = arm === 'candidate' && index >= 3_950 && left > 0;
      if (isAbsurd) left -= 1;
      return { value: isAbsurd ? 432 : 0.01 * usual(random) };
    },
  });
};

describe('absurd values after the baseline', () => {
  it('hold an equal candidate when there are two, not when there is one, which is counted', () => {
    const one = equalBut(1).tests;
    expect(one?.isBeyondBounds).toBe(false);
    expect(one?.nonInferior).toBeGreaterThan(LN_20);
    expect(one?.clipped?.[0]?.candidate?.furthest).toBeGreaterThan(0.9);
    const two = equalBut(2).tests;
    expect(two?.isBeyondBounds).toBe(true);
    expect(two?.nonInferior).toBeLessThanOrEqual(0);
  });

  it('of control don’t save a candidate that is worse', () => {
    const { tests } = judged({
      metric: 'gpu-seconds',
      units: 3_000,
      draw: (random, arm, index) => ({
        value:
          arm === 'control' && index >= 1_000 && index < 1_003
            ? 432_000
            : usual(random) * (arm === 'candidate' ? 1.5 : 1),
      }),
    });
    expect(tests?.harmful).toBeGreaterThan(LN_20);
  });
});

const rarely = (rare: number, typical: number): Judgement =>
  judged({
    metric: 'cost-per-image',
    units: 4_000,
    draw: (random, arm, index) => {
      const isDear = arm === 'control' && index % 100 < 2 && random.uniform() < 0.5;
      return { value: 0.01 * usual(random) * (arm === 'candidate' ? typical : isDear ? rare : 1) };
    },
  });

describe('a candidate without control’s rare expensive pictures', () => {
  it('is no worse for usual pictures that cost more, where the mean is not', () => {
    const { tests } = rarely(20, 1.145);
    expect(tests?.harmWithin).toBeGreaterThan(LN_20);
    expect(tests?.harmful).toBeLessThanOrEqual(0);
  });

  it('is found where the mean is worse', () => {
    expect(rarely(3, 1.145).tests?.harmful).toBeGreaterThan(LN_20);
  });
});

const after = (level: number, factor: number): Judgement =>
  judged({
    metric: 'cost-per-image',
    units: 4_000,
    draw: (random, arm, index) => ({
      value: 0.01 * usual(random) * (index < 450 ? 1 : level) * (arm === 'candidate' ? factor : 1),
    }),
  });

/** At a fifth of the traffic, looked at while the recent mean still catches up with a level that trebles. */
const shortlyAfter = (seed: number): number =>
  judged({
    metric: 'cost-per-image',
    share: 0.2,
    units: 500,
    seed,
    draw: (random, arm, index) => ({
      value: 0.01 * usual(random) * (index < 280 ? 1 : 3) * (arm === 'candidate' ? 1.04 : 1),
    }),
  }).tests?.harmful ?? 0;

describe('a level that both variants leave after the baseline', () => {
  it('makes no harm of what is within the margin as it would be fixed now', () => {
    expect(after(3, 1.03).tests?.harmful).toBeLessThanOrEqual(0);
    expect(after(3, 1.2).tests?.harmful).toBeGreaterThan(LN_20);
    const found = Array.from({ length: 20 }, (_, seed) => shortlyAfter(seed + 1)).filter((lnE) => lnE > LN_20);
    expect(found.length).toBeLessThanOrEqual(2);
  });

  it('proves nothing of what is not, and still an equal candidate', () => {
    const worse = after(1 / 3, 1.1).tests;
    expect(worse?.nonInferior).toBeLessThanOrEqual(0);
    expect(worse?.isMarginOutdated).toBe(true);
    expect(after(1 / 3, 1).tests?.nonInferior).toBeGreaterThan(LN_20);
  });
});

const fourfold = (factor: number): number | undefined =>
  judged({
    metric: 'gpu-seconds-per-image',
    units: 5_000,
    draw: (random, arm, index) => {
      const denominator = index < 500 ? 1 : 4;
      return { value: denominator * usual(random, 0.1) * (arm === 'candidate' ? factor : 1), denominator };
    },
  }).tests?.harmful;

describe('a ratio of which both variants’ denominators grow', () => {
  it('is as far from control’s as it was', () => {
    expect(fourfold(1.03)).toBeLessThan(1);
    expect(fourfold(1.1)).toBeGreaterThan(LN_20);
  });
});
