import { describe, expect, it } from 'vitest';
import type { Arm } from '../arm.js';
import { bet, type BettingDesign, initialBetting, lnENonInferior } from './betting.js';
import { BET_FRACTIONS } from './bets.js';
import { pairedProofWeights, proofWeights } from './proof-weights.js';
import { hit, initialTilt, lnELessOften, lnEMoreOften, TILTS } from './tilt.js';

describe('weights of the proofs', () => {
  it.each([0.02, 0.5, 1])('add up to 1 and have one weight per bet and tilt, at a share of %s', (share) => {
    for (const { bets, tilts } of [proofWeights(share), pairedProofWeights(share)]) {
      expect([bets.length, tilts.length]).toEqual([BET_FRACTIONS.length, TILTS.length]);
      for (const weights of [bets, tilts]) {
        expect(weights.every((weight) => weight > 0)).toBe(true);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
      }
    }
  });

  it('weigh the tilts as worked out by hand for one event of control', () => {
    // A = 0 at ρ = ½ and boundary 0: every tilt −β wins by 1/(½ + ½ e^−β).
    const state = initialTilt();
    hit(state, 'control', 0.5);
    const { tilts } = proofWeights(1);
    const mean = TILTS.reduce((sum, tilt, k) => sum + (tilts[k] as number) / (0.5 + 0.5 * Math.exp(-tilt)), 0);
    expect(lnELessOften(state, 0, tilts)).toBeCloseTo(Math.log(mean), 12);
    // Seen from the other variant it is the same: "more often" there is "less often" here.
    const mirrored = initialTilt();
    hit(mirrored, 'candidate', 0.5);
    expect(lnEMoreOften(mirrored, 0, TILTS, tilts)).toBeCloseTo(Math.log(mean), 12);
  });

  it('prove an equal candidate within the margin sooner than equal weights, at the whole proof and at a step', () => {
    for (const { share, margin } of [
      { share: 1, margin: 0.1 },
      { share: 0.1, margin: 1 },
    ]) {
      const design: BettingDesign = { lo: -3.6, hi: 3.6, harmfulAt: [], nonInferiorAt: [margin] };
      const state = initialBetting(design);
      // Both variants' values lie a standard deviation on either side, alike.
      for (let i = 0; i < 4_000 && lnENonInferior(state, 0) < 3; i++) {
        const arm: Arm = i % 2 === 0 ? 'control' : 'candidate';
        bet(state, design, arm, 0.5, i % 4 < 2 ? 1 : -1);
      }
      expect(lnENonInferior(state, 0)).toBeGreaterThan(2.9);
      expect(lnENonInferior(state, 0, proofWeights(share).bets)).toBeGreaterThan(lnENonInferior(state, 0) + 0.4);
    }
  });
});
