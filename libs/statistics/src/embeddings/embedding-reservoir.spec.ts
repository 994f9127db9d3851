import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import { embeddingsOf, initialReservoir, mergeReservoirs, offerEmbedding, samplingPriority } from './index.js';

const CAPACITY = 7;
const ids = fc.array(fc.string({ maxLength: 6 }), { maxLength: 40 });
const fill = (of: readonly string[]) =>
  of.reduce((state, id) => offerEmbedding(state, id, [id.length]), initialReservoir(CAPACITY, 3));

describe('reservoir of embeddings', () => {
  it('keeps what does not depend on order, grouping or repetition', () => {
    fc.assert(
      fc.property(ids, ids, ids, (a, b, c) => {
        const whole = fill([...a, ...b, ...c]);
        expect(fill([...c, ...b, ...a, ...b].toReversed())).toEqual(whole);
        expect(mergeReservoirs(fill(a), mergeReservoirs(fill(b), fill(c)))).toEqual(whole);
        expect(mergeReservoirs(mergeReservoirs(fill(c), fill(a)), fill(b))).toEqual(whole);
        expect(mergeReservoirs(whole, whole)).toEqual(whole);
        expect(mergeReservoirs(whole, initialReservoir(CAPACITY, 3))).toEqual(whole);
        expect(whole.kept.length).toBe(Math.min(CAPACITY, new Set([...a, ...b, ...c]).size));
      }),
    );
  });

  it('keeps a uniform part, whatever the order and however alike the ids', () => {
    let inFirstHalf = 0;
    const runs = 200;
    for (let seed = 0; seed < runs; seed++) {
      let state = initialReservoir(10, seed);
      for (let i = 0; i < 200; i++) state = offerEmbedding(state, `event-${i}`, [i]);
      inFirstHalf += embeddingsOf(state).filter((embedding) => (embedding[0] as number) < 100).length;
    }
    const share = inFirstHalf / (10 * runs);
    expect(Math.abs(share - 0.5)).toBeLessThan((4 * 0.5) / Math.sqrt(10 * runs));
  });

  it('has uniform priorities', () => {
    const n = 20_000;
    const bins = Array.from({ length: 50 }, () => 0);
    const random = simulationRandom(2);
    for (let i = 0; i < n; i++) {
      const priority = samplingPriority(i % 2 === 0 ? String(i) : `u${random.uniform()}`, 17);
      bins[Math.floor(priority * 50)] = (bins[Math.floor(priority * 50)] as number) + 1;
    }
    // χ² with 49 degrees of freedom is below 95 with probability 0.9999.
    expect(bins.reduce((sum, count) => sum + (count - n / 50) ** 2 / (n / 50), 0)).toBeLessThan(95);
  });

  it('refuses to merge other seeds or capacities, and an empty capacity', () => {
    expect(() => mergeReservoirs(initialReservoir(5, 1), initialReservoir(5, 2))).toThrow('expected equal ones');
    expect(() => mergeReservoirs(initialReservoir(5, 1), initialReservoir(6, 1))).toThrow('expected equal ones');
    expect(() => initialReservoir(0, 1)).toThrow('positive integer');
  });
});
