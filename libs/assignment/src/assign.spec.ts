import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignment as assignmentSchema, MILLION, type AudienceRule, type WeightsPpm } from '#libs/contracts';
import {
  assign,
  bucketOf,
  hashUnit,
  isInSlot,
  layoutOf,
  matchesAudience,
  prepareRules,
  salts,
  variantOf,
  type AssignmentRules,
  type Attributes,
} from './index.js';

function rulesOf(weightsPpm: WeightsPpm, changes: Partial<AssignmentRules> = {}): AssignmentRules {
  return prepareRules({
    experiment: 'cheaper-sampler',
    revision: 1,
    epoch: 3,
    stage: 1,
    control: 'control',
    variants: Object.keys(weightsPpm),
    weightsPpm,
    audience: [],
    ...changes,
  });
}

function units(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `user-${index}`);
}

function isInAudience(audience: readonly AudienceRule[], attributes: Attributes): boolean {
  return matchesAudience(audience, salts.audience('cheaper-sampler'), { unit: 'user-1', attributes });
}

function shareOf(percentPpm: number): readonly AudienceRule[] {
  return [{ percentPpm }];
}

function isIn(audience: readonly AudienceRule[], unit: string, experiment = 'cheaper-sampler'): boolean {
  return matchesAudience(audience, salts.audience(experiment), { unit, attributes: { plan: 'pro' } });
}

function variantFor(rules: AssignmentRules, unit: string): string {
  return assign(rules, { unit, attributes: {} }).variant;
}

/** Unit, arm bucket under cheaper-sampler:1 and gate bucket of layer `pictures`; written by another implementation, in Python. */
const goldenBuckets: readonly (readonly [string, number, number])[] = [
  ['user-1', 756050, 977537],
  ['user-2', 780281, 164893],
  ['user-7f3a', 455794, 722495],
  ['session-0190d5a2', 326709, 535726],
  ['Ångström', 934411, 160256],
  ['名前-17', 398728, 416819],
  ['a', 434084, 467807],
  ['', 410408, 946481],
  ['00000000-0000-4000-8000-000000000000', 118151, 287657],
  ['user-42', 445386, 816079],
  ['user-1000', 324783, 424956],
  ['user-99999', 806551, 312701],
];

describe('buckets', () => {
  it('are the same in every process, version and language', () => {
    for (const [unit, arm, gate] of goldenBuckets) {
      expect(bucketOf(hashUnit(salts.arm('cheaper-sampler', 1), unit)), unit).toBe(arm);
      expect(bucketOf(hashUnit(salts.gate('pictures'), unit)), unit).toBe(gate);
    }
  });

  it('spread every hash over exactly the given number of parts', () => {
    expect(bucketOf(0)).toBe(0);
    expect(bucketOf(0xffff_ffff)).toBe(MILLION - 1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 1, max: 2 ** 21 }), (hash, buckets) => {
        expect(BigInt(bucketOf(hash, buckets))).toBe((BigInt(hash) * BigInt(buckets)) >> 32n);
      }),
    );
  });
});

describe('assign', () => {
  it('answers with everything the analyzer needs', () => {
    const answer = assign(rulesOf({ control: 500_000, candidate: 500_000 }), {
      unit: 'user-7f3a',
      attributes: {},
      assignedAt: '2026-11-20T10:15:30.120Z',
    });
    expect(answer).toEqual({
      experiment: 'cheaper-sampler',
      revision: 1,
      variant: 'candidate',
      control: 'control',
      unit: 'user-7f3a',
      epoch: 3,
      stage: 1,
      propensity: 0.5,
      weightsPpm: { control: 500_000, candidate: 500_000 },
      reason: 'SPLIT',
      assignedAt: '2026-11-20T10:15:30.120Z',
    });
    expect(() => assignmentSchema.parse(answer)).not.toThrow();
  });

  it('gives a unit the same variant again, whatever was asked in between', () => {
    const rules = rulesOf({ control: 700_000, candidate: 300_000 });
    const first = units(1_000).map((unit) => variantFor(rules, unit));
    const again = units(1_000).map((unit) => variantFor(rulesOf({ candidate: 300_000, control: 700_000 }), unit));
    expect(again).toEqual(first);
  });

  it('serves nobody a variant of weight 0, and everybody one of weight 100 %', () => {
    const none = rulesOf({ control: MILLION, candidate: 0 });
    const all = rulesOf({ control: 0, candidate: MILLION });
    for (const unit of units(2_000)) {
      expect(variantFor(none, unit)).toBe('control');
      expect(variantFor(all, unit)).toBe('candidate');
    }
  });

  it('draws in the promised shares (chi-square at 0.1 %, also for shares of 1 %)', () => {
    const splits: readonly WeightsPpm[] = [
      { control: 990_000, candidate: 10_000 },
      { control: 900_000, candidate: 100_000 },
      { control: 500_000, candidate: 500_000 },
      { control: 400_000, a: 100_000, b: 200_000, c: 300_000 },
    ];
    // Upper 0.1 % points of chi-square with 1 and 3 degrees of freedom.
    const critical: Readonly<Record<number, number>> = { 1: 10.828, 3: 16.266 };
    for (const weightsPpm of splits) {
      for (const revision of [1, 2, 3]) {
        const rules = rulesOf(weightsPpm, { revision });
        const counts = countVariants(rules, units(50_000));
        const chiSquare = Object.entries(weightsPpm).reduce((sum, [variant, weight]) => {
          const expected = (50_000 * weight) / MILLION;
          return sum + ((counts[variant] ?? 0) - expected) ** 2 / expected;
        }, 0);
        const degrees = Object.keys(weightsPpm).length - 1;
        expect(chiSquare, JSON.stringify(weightsPpm)).toBeLessThan(critical[degrees] as number);
      }
    }
  });

  it('draws afresh for another experiment and for another revision', () => {
    const half = { control: 500_000, candidate: 500_000 };
    const first = rulesOf(half);
    for (const other of [rulesOf(half, { revision: 2 }), rulesOf(half, { experiment: 'other' })]) {
      const both = units(20_000).filter((unit) => variantFor(first, unit) === variantFor(other, unit)).length;
      // Independent halves agree in half of the units: 10 000 ± 4 standard deviations of 71.
      expect(both).toBeGreaterThan(9_700);
      expect(both).toBeLessThan(10_300);
    }
  });

  it('splits those behind a gate in the same shares: gate and arm are independent', () => {
    const slot = { layer: 'pictures', fromPpm: 0, toPpm: 100_000 };
    const rules = rulesOf({ control: 900_000, candidate: 100_000 }, { slot });
    const inside = units(200_000).filter((unit) => isInSlot(slot, unit));
    const share = inside.filter((unit) => variantFor(rules, unit) === 'candidate').length / inside.length;
    expect(inside.length / 200_000).toBeCloseTo(0.1, 2);
    expect(share).toBeGreaterThan(0.09);
    expect(share).toBeLessThan(0.11);
  });

  it('gives control, undrawn, to units outside the slot or the audience', () => {
    const weightsPpm = { control: 0, candidate: MILLION };
    const audience = [{ attribute: 'plan', in: ['free', 'pro'] }];
    const targeted = rulesOf(weightsPpm, { audience });
    const outside = { variant: 'control', reason: 'DEFAULT', propensity: 1, weightsPpm: { control: MILLION } };
    expect(assign(targeted, { unit: 'u', attributes: { plan: 'enterprise' } })).toMatchObject(outside);
    expect(assign(targeted, { unit: 'u', attributes: {} })).toMatchObject(outside);
    expect(assign(targeted, { unit: 'u', attributes: { plan: 'pro' } })).toMatchObject({
      variant: 'candidate',
      reason: 'SPLIT',
    });
    const nowhere = rulesOf(weightsPpm, { slot: { layer: 'pictures', fromPpm: 0, toPpm: 0 } });
    expect(assign(nowhere, { unit: 'u', attributes: {} })).toMatchObject(outside);
  });

  it('obeys an override of an existing variant and ignores one that names none', () => {
    const rules = rulesOf({ control: MILLION, candidate: 0 });
    expect(assign(rules, { unit: 'u', attributes: {}, override: 'candidate', failSafe: true })).toMatchObject({
      variant: 'candidate',
      reason: 'OVERRIDE',
      propensity: 1,
      weightsPpm: { candidate: MILLION },
    });
    expect(assign(rules, { unit: 'u', attributes: {}, override: 'nobody' })).toMatchObject({
      variant: 'control',
      reason: 'SPLIT',
    });
  });

  it('gives control when the controller is lost', () => {
    const rules = rulesOf({ control: 0, candidate: MILLION });
    expect(assign(rules, { unit: 'u', attributes: {}, failSafe: true })).toMatchObject({
      variant: 'control',
      reason: 'FAIL_SAFE',
      weightsPpm: { control: MILLION },
    });
  });
});

describe('audience', () => {
  it('matches when every rule does', () => {
    const rules = [
      { attribute: 'plan', in: ['free', 'pro'] },
      { attribute: 'country', in: ['de'] },
    ];
    expect(isInAudience(rules, { plan: 'pro', country: 'de' })).toBe(true);
    expect(isInAudience(rules, { plan: 'pro', country: 'fr' })).toBe(false);
    expect(isInAudience([], {})).toBe(true);
  });

  it.each([
    [{ attribute: 'country', notIn: ['de', 'fr'] }, { country: 'us' }, { country: 'de' }],
    [{ attribute: 'email', contains: ['@faas.com', '@example.org'] }, { email: 'a@faas.com' }, { email: 'a@b.com' }],
    [{ attribute: 'app', semver: '>=2.1 <3' }, { app: '2.10.0' }, { app: '2.0.9' }],
    [{ attribute: 'app', semver: '>=2.1 <3' }, { app: 'v2.1' }, { app: 'two' }],
    [{ attribute: 'app', semver: '^1.2' }, { app: '1.9.9' }, { app: '2.0.0-rc.1' }],
    [{ attribute: 'app', semver: '~1.2.3' }, { app: '1.2.9+build.5' }, { app: '1.3.0' }],
    [{ attribute: 'app', semver: '^0.2' }, { app: '0.2.5' }, { app: '0.3.0' }],
    [{ attribute: 'app', semver: '^0.0.3' }, { app: '0.0.3' }, { app: '0.0.4' }],
    [{ attribute: 'app', semver: '~1' }, { app: '1.9' }, { app: '2' }],
    [{ attribute: 'app', semver: '> 1.0.0-rc.2' }, { app: '1.0.0-rc.10' }, { app: '1.0.0-beta' }],
    [{ attribute: 'app', semver: '>=1.0.0' }, { app: '1.0.0' }, { app: '1.0.0-rc.1' }],
    [{ attribute: 'age', atLeast: 18 }, { age: '18' }, { age: '17.9' }],
    [{ attribute: 'age', above: 18 }, { age: '1.81e1' }, { age: '18.0' }],
    [{ attribute: 'age', atMost: -0.5 }, { age: ' -.5 ' }, { age: '-0.4' }],
    [{ attribute: 'age', below: 65 }, { age: '+64' }, { age: '65' }],
    [{ attribute: 'age', atLeast: 18, below: 65 }, { age: '64.99' }, { age: '9' }],
    [{ percentPpm: MILLION, of: { attribute: 'plan', in: ['pro'] } }, { plan: 'pro' }, { plan: 'free' }],
    [
      {
        any: [
          { attribute: 'type', in: ['insider'] },
          { attribute: 'agent', contains: ['Firefox'] },
        ],
      },
      { type: 'guest', agent: 'Mozilla/5.0 Firefox/130.0' },
      { type: 'guest', agent: 'Chrome' },
    ],
  ])('by %j is %j, and is not %j nor who says nothing', (rule, inside, outside) => {
    expect(isInAudience([rule], inside)).toBe(true);
    expect(isInAudience([rule], outside)).toBe(false);
    expect(isInAudience([rule], {})).toBe(false);
  });

  it('takes no inherited property for an attribute', () => {
    expect(isInAudience([{ attribute: 'toString', in: [String(Object.prototype.toString)] }], {})).toBe(false);
  });

  it.each([
    '',
    ' ',
    'many',
    '0x20',
    '1_000',
    '1,000',
    'Infinity',
    'NaN',
    '12 apples',
    '--3',
    '1e',
    `1${'0'.repeat(64)}`,
  ])('takes "%s" for no number: it matches nothing, and is told of', (age) => {
    const told: string[] = [];
    const asker = { unit: 'u', attributes: { age }, onUnreadable: (attribute: string) => told.push(attribute) };
    expect(matchesAudience([{ attribute: 'age', atLeast: 0 }], '', asker)).toBe(false);
    expect(matchesAudience([{ attribute: 'age', atMost: 1e99 }], '', asker)).toBe(false);
    expect(told).toEqual(['age', 'age']);
  });

  it('tells of what is no version and of what is longer than any value, and not of what is readable or missing', () => {
    const told: string[] = [];
    const onUnreadable = (attribute: string): void => void told.push(attribute);
    const rules = [
      {
        any: [
          { attribute: 'app', semver: '>=2' },
          { attribute: 'agent', notIn: ['x'] },
          { attribute: 'age', below: 1 },
        ],
      },
    ];
    const attributes = { app: 'two', agent: 'a'.repeat(1_025) };
    expect(matchesAudience(rules, '', { unit: 'u', attributes, onUnreadable })).toBe(false);
    expect(told).toEqual(['app', 'agent']);
    const readable = { app: '1.0', agent: 'x', age: '7' };
    expect(matchesAudience(rules, '', { unit: 'u', attributes: readable, onUnreadable })).toBe(false);
    expect(told).toHaveLength(2);
  });

  it('costs no more than it has to where a value is long', () => {
    const rules = ['app', 'age'].flatMap((attribute) => [
      { attribute, semver: '>=1.0.0-a.1 <2' },
      { attribute, atLeast: 0 },
    ]);
    const values = ['1'.repeat(16_000), `1.0.0-${'a.'.repeat(8_000)}`, '-'.repeat(16_000), ' '.repeat(16_000)];
    const startedAtMs = performance.now();
    for (const value of values) {
      for (let round = 0; round < 100; round += 1) {
        isInAudience([{ any: rules }], { app: value, age: value.slice(0, 1_000) });
      }
    }
    // Four hundred requests; one of 6,000 letters took .8 s before values had a longest.
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  });
});

describe('a share of an audience', () => {
  it('has so many of the units, whatever the revision, and others in another experiment', () => {
    const inside = units(100_000).filter((unit) => isIn(shareOf(200_000), unit));
    // 20 000 ± 4 standard deviations of 126.
    expect(Math.abs(inside.length - 20_000)).toBeLessThan(506);
    const both = inside.filter((unit) => isIn(shareOf(200_000), unit, 'other')).length;
    expect(Math.abs(both / inside.length - 0.2)).toBeLessThan(0.012);
    for (const revision of [1, 2, 9]) {
      const rules = rulesOf({ control: 0, candidate: MILLION }, { revision, audience: shareOf(200_000) });
      expect(new Set(inside.slice(0, 500).map((unit) => variantFor(rules, unit)))).toEqual(new Set(['candidate']));
    }
  });

  it('moves nobody out who is in it when it grows, and only as many as it must when it shrinks', () => {
    const share = fc.integer({ min: 1, max: MILLION });
    fc.assert(
      fc.property(fc.string(), share, share, (unit, one, other) => {
        const [small, large] = [shareOf(Math.min(one, other)), shareOf(Math.max(one, other))];
        expect(!isIn(small, unit) || isIn(large, unit)).toBe(true);
        expect(isIn(shareOf(MILLION), unit)).toBe(true);
      }),
    );
  });

  it('is drawn apart from the variant and from the slot: the split inside it is the ordered one', () => {
    const slot = { layer: 'pictures', fromPpm: 0, toPpm: 500_000 };
    const rules = rulesOf({ control: 700_000, candidate: 300_000 }, { slot, audience: shareOf(200_000) });
    const drawn = units(200_000)
      .map((unit) => assign(rules, { unit, attributes: {} }))
      .filter(({ reason }) => reason === 'SPLIT');
    // 20 000 ± 4 standard deviations of 134; of them 30 %, ± 4 of 0.32 points.
    expect(Math.abs(drawn.length - 20_000)).toBeLessThan(537);
    const candidates = drawn.filter(({ variant }) => variant === 'candidate').length;
    expect(Math.abs(candidates / drawn.length - 0.3)).toBeLessThan(0.013);
  });

  it('is of those who match, each condition with its own', () => {
    const pro = { attribute: 'plan', in: ['pro'] };
    const free = { attribute: 'plan', in: ['free'] };
    const audience = [
      {
        any: [
          { percentPpm: 300_000, of: free },
          { percentPpm: 100_000, of: pro },
        ],
      },
    ];
    const inside = units(20_000).filter((unit) => isIn(audience, unit));
    expect(inside).toEqual(units(20_000).filter((unit) => isIn(shareOf(100_000), unit)));
    expect(units(100).some((unit) => isIn([{ percentPpm: MILLION, of: free }], unit))).toBe(false);
    const either = [{ percentPpm: 500_000, of: { any: [pro, free] } }];
    expect(units(1_000).filter((unit) => isIn(either, unit)).length).toBeGreaterThan(430);
  });
});

describe('layout', () => {
  it('gives every variant exactly its weight, without overlap', () => {
    fc.assert(
      fc.property(weightsOf(5), (weightsPpm) => {
        const layout = layoutOf('control', Object.keys(weightsPpm), weightsPpm);
        const sizes: Record<string, number> = {};
        let end = 0;
        for (const { variant, from, to } of layout.segments) {
          expect(from).toBeGreaterThanOrEqual(end);
          sizes[variant] = (sizes[variant] ?? 0) + to - from;
          end = to;
        }
        expect(end).toBeLessThanOrEqual(MILLION);
        for (const [variant, weight] of Object.entries(weightsPpm)) {
          if (variant !== 'control') expect(sizes[variant] ?? 0, variant).toBe(weight);
        }
      }),
    );
  });

  it('puts the only candidate into the buckets from 0 up to its weight', () => {
    const layout = layoutOf('control', ['control', 'candidate'], { control: 990_000, candidate: 10_000 });
    expect([0, 9_999, 10_000, 999_999].map((bucket) => variantOf(layout, bucket))).toEqual([
      'candidate',
      'candidate',
      'control',
      'control',
    ]);
  });

  it('takes no unit from one or two candidates but as many as their own share falls', () => {
    fc.assert(
      fc.property(weightsOf(2), weightsOf(2), (before, after) => {
        expectNobodyMovesNeedlessly(['control', 'a', 'b'], before, after);
      }),
    );
  });

  it('takes no unit from three or more candidates but as many as their own share falls, while none outgrows its home', () => {
    const homes = fc.integer({ min: 3, max: 5 }).chain((count) => {
      const weights = fc.array(fc.nat(Math.floor(MILLION / count)), { minLength: count, maxLength: count });
      return fc.tuple(weights, weights);
    });
    fc.assert(
      fc.property(homes, ([before, after]) => {
        const variants = ['control', ...candidateNames.slice(0, before.length)];
        expectNobodyMovesNeedlessly(variants, withControl(before), withControl(after));
      }),
    );
  });
});

const candidateNames = ['a', 'b', 'c', 'd', 'e'];

/** Weights of 1–5 candidates that leave the rest to control. */
function weightsOf(most: number): fc.Arbitrary<WeightsPpm> {
  return fc.array(fc.nat(MILLION), { minLength: 1, maxLength: most }).map((parts) => {
    const weights: Record<string, number> = {};
    let left = MILLION;
    parts.forEach((part, index) => {
      const weight = Math.min(left, part);
      weights[candidateNames[index] as string] = weight;
      left -= weight;
    });
    return { control: left, ...weights };
  });
}

function withControl(weights: readonly number[]): WeightsPpm {
  const control = MILLION - weights.reduce((sum, weight) => sum + weight, 0);
  return { control, ...Object.fromEntries(weights.map((weight, index) => [candidateNames[index], weight])) };
}

/** A candidate whose share does not fall loses nobody; one whose share falls loses exactly that many. */
function expectNobodyMovesNeedlessly(variants: readonly string[], before: WeightsPpm, after: WeightsPpm): void {
  const layoutBefore = layoutOf('control', variants, before);
  const layoutAfter = layoutOf('control', variants, after);
  const edges = [...layoutBefore.segments, ...layoutAfter.segments].flatMap(({ from, to }) => [from, to]);
  const cuts = [...new Set([0, ...edges, MILLION])].sort((left, right) => left - right);
  const lost: Record<string, number> = {};
  for (const [index, cut] of cuts.slice(1).entries()) {
    const from = cuts[index] as number;
    const variant = variantOf(layoutBefore, from);
    if (variant !== variantOf(layoutAfter, from)) lost[variant] = (lost[variant] ?? 0) + cut - from;
  }
  for (const variant of variants.slice(1)) {
    expect(lost[variant] ?? 0, variant).toBe(Math.max(0, (before[variant] ?? 0) - (after[variant] ?? 0)));
  }
}

function countVariants(rules: AssignmentRules, of: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const unit of of) {
    const variant = variantFor(rules, unit);
    counts[variant] = (counts[variant] ?? 0) + 1;
  }
  return counts;
}
