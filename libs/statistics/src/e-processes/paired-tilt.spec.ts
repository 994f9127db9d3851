import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hitPair,
  initialPairedTilt,
  lnEPairedEqual,
  lnEPairedLessOften,
  lnEPairedMoreOften,
  mergePairedTilts,
  type PairedTilt,
} from './paired-tilt.js';
import { hit, initialTilt, lnELessOften, lnEMoreOften } from './tilt.js';

const counts = fc.record({ candidateOnly: fc.nat(500), controlOnly: fc.nat(500), both: fc.nat(500) });
const boundaries = fc.double({ min: -3, max: 3, noNaN: true });
const ends = [lnEPairedMoreOften, lnEPairedLessOften, lnEPairedEqual];

describe('the paired tilt', () => {
  it('counts what hit one side or both, and nothing where no side was hit', () => {
    const state = initialPairedTilt();
    for (const [control, candidate] of [
      [false, true],
      [true, false],
      [true, false],
      [true, true],
      [false, false],
    ] as const)
      hitPair(state, control, candidate);
    expect(state).toEqual({ candidateOnly: 1, controlOnly: 2, both: 1 });
    expect(ends.map((lnE) => lnE(initialPairedTilt(), 0.3))).toEqual([0, 0, 0]);
  });

  it('is, at equal rates, the tilt at a propensity of one half on the discordant pairs', () => {
    const state: PairedTilt = { candidateOnly: 23, controlOnly: 9, both: 60 };
    const discordant = initialTilt();
    for (let pair = 0; pair < 23; pair++) hit(discordant, 'candidate', 0.5);
    for (let pair = 0; pair < 9; pair++) hit(discordant, 'control', 0.5);
    expect(lnEPairedMoreOften(state, 0)).toBeCloseTo(lnEMoreOften(discordant, 0), 10);
    expect(lnEPairedLessOften(state, 0)).toBeCloseTo(lnELessOften(discordant, 0), 10);
  });

  it('is worth 1 on average where the rates are exactly at the boundary, whatever the sides have in common', () => {
    const rates = fc.record({
      control: fc.double({ min: 0.01, max: 0.4, noNaN: true }),
      common: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(rates, fc.double({ min: -1, max: 0.8, noNaN: true }), ({ control, common }, boundary) => {
        const candidate = control * Math.exp(boundary);
        const both = common * Math.min(control, candidate);
        for (const lnE of ends) {
          const worth = (pair: Partial<PairedTilt>): number =>
            Math.exp(lnE({ ...initialPairedTilt(), ...pair }, boundary));
          const mean =
            both * worth({ both: 1 }) +
            (candidate - both) * worth({ candidateOnly: 1 }) +
            (control - both) * worth({ controlOnly: 1 }) +
            (1 - candidate - control + both);
          expect(mean).toBeCloseTo(1, 9);
        }
      }),
    );
  });

  it('proves equal rates soonest where it is staked on them, and says nothing at a boundary of 0', () => {
    const equal: PairedTilt = { candidateOnly: 6, controlOnly: 6, both: 3 };
    const boundary = Math.log(6);
    expect(lnEPairedEqual(equal, boundary)).toBeGreaterThan(lnEPairedLessOften(equal, boundary));
    expect(lnEPairedEqual(equal, 0)).toBe(0);
  });

  it('is finite whatever came, changes sides with the variants, and merges exactly', () => {
    fc.assert(
      fc.property(counts, counts, boundaries, (a, b, boundary) => {
        for (const lnE of ends) expect(Number.isFinite(lnE(a, boundary))).toBe(true);
        const swapped = { ...a, candidateOnly: a.controlOnly, controlOnly: a.candidateOnly };
        expect(lnEPairedMoreOften(swapped, 0)).toBeCloseTo(lnEPairedLessOften(a, 0), 8);
        expect(mergePairedTilts(a, b)).toEqual(mergePairedTilts(b, a));
        expect(mergePairedTilts(a, initialPairedTilt())).toEqual(a);
      }),
    );
  });
});
