import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MILLION, type WeightsPpm } from '#libs/contracts';
import { isSameLayout, layoutAfter, layoutOf, variantOf, type Layout } from './index.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Histories of orders: of some candidates, the shares of each order. */
function histories(candidates: fc.Arbitrary<number>, most: (count: number) => number): fc.Arbitrary<WeightsPpm[]> {
  return candidates.chain((count) => {
    const shares = fc.array(fc.oneof(fc.constant(0), fc.nat(most(count))), { minLength: count, maxLength: count });
    return fc.array(shares.map(withControl), { minLength: 2, maxLength: 8 });
  });
}

/** As far as there is something left to give. */
function withControl(shares: readonly number[]): WeightsPpm {
  let left = MILLION;
  const given = shares.map((share, index) => {
    const weight = Math.min(left, share);
    left -= weight;
    return [NAMES[index] as string, weight] as const;
  });
  return { control: left, ...Object.fromEntries(given) };
}

function first(weights: WeightsPpm): Layout {
  return layoutOf('control', Object.keys(weights), weights);
}

function next(before: Layout, weights: WeightsPpm): Layout {
  return layoutAfter(before, Object.keys(weights), weights);
}

/** By variant: how many buckets it has, and how many of `before` it has no longer. */
function changes(before: Layout, after: Layout): Record<'has' | 'lost', Record<string, number>> {
  const edges = [...before.segments, ...after.segments].flatMap(({ from, to }) => [from, to]);
  const cuts = [...new Set([0, ...edges, MILLION])].sort((left, right) => left - right);
  const found: Record<'has' | 'lost', Record<string, number>> = { has: {}, lost: {} };
  for (const [index, to] of cuts.slice(1).entries()) {
    const from = cuts[index] as number;
    const [was, is] = [variantOf(before, from), variantOf(after, from)];
    found.has[is] = (found.has[is] ?? 0) + to - from;
    if (was !== is) found.lost[was] = (found.lost[was] ?? 0) + to - from;
  }
  return found;
}

describe('a layout that follows another one', () => {
  it('takes no unit from any candidate but as many as its own share falls, however many there are', () => {
    fc.assert(
      fc.property(
        histories(fc.integer({ min: 1, max: 5 }), () => MILLION),
        ([one, ...others]) => {
          let [layout, weights] = [first(one as WeightsPpm), one as WeightsPpm];
          for (const later of others) {
            const after = next(layout, later);
            const { has, lost } = changes(layout, after);
            for (const name of Object.keys(later)) {
              expect(has[name] ?? 0, name).toBe(later[name]);
              if (name === 'control') continue;
              expect(lost[name] ?? 0, name).toBe(Math.max(0, (weights[name] as number) - (later[name] as number)));
            }
            [layout, weights] = [after, later];
          }
        },
      ),
    );
  });

  it('is the one that the weights alone give, with one or two candidates and while none outgrows its home', () => {
    const few = histories(fc.integer({ min: 1, max: 2 }), () => MILLION);
    const atHome = histories(fc.integer({ min: 3, max: 5 }), (count) => Math.floor(MILLION / count));
    fc.assert(
      fc.property(fc.oneof(few, atHome), ([one, ...others]) => {
        let layout = first(one as WeightsPpm);
        for (const later of others) {
          layout = next(layout, later);
          expect(isSameLayout(layout, first(later)), JSON.stringify(later)).toBe(true);
        }
      }),
    );
  });

  it('is another one where the weights alone would move somebody', () => {
    const before = withControl([250_000, 250_000, 0, 0, 0]);
    const after = withControl([330_000, 330_000, 0, 0, 0]);
    expect(changes(first(before), first(after)).lost['b']).toBeGreaterThan(0);
    expect(changes(first(before), next(first(before), after)).lost['b']).toBeUndefined();
  });

  it('tells equal layouts from others, however they are written', () => {
    const whole: Layout = { control: 'control', segments: [{ variant: 'a', from: 0, to: 20 }] };
    const parts: Layout = {
      control: 'control',
      segments: [
        { variant: 'a', from: 0, to: 10 },
        { variant: 'a', from: 10, to: 20 },
      ],
    };
    expect(isSameLayout(whole, parts)).toBe(true);
    expect(isSameLayout(whole, { ...parts, segments: parts.segments.slice(1) })).toBe(false);
    expect(isSameLayout(whole, { ...parts, segments: parts.segments.slice(0, 1) })).toBe(false);
  });
});
