import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addVote,
  lnEHarmfulPreference,
  lnENonInferiorPreference,
  lnEPreference,
  mergeVotes,
  noVotes,
  swapVotes,
  type Vote,
  voteKey,
  type Votes,
  winRate,
  winRateInterval,
} from '#libs/statistics';
import { fixedSignTestP } from './fixed-sign-test.js';

const ALPHA = 0.05;
const THRESHOLD = -Math.log(ALPHA);
const votes = fc.array(fc.constantFrom<Vote>('candidate', 'control', 'tie'), { maxLength: 60 });
const margin = fc.double({ min: 0, max: 0.45, noNaN: true });
const count = (of: readonly Vote[]): Votes => of.reduce(addVote, noVotes);

describe('votes', () => {
  it('are counted in any order and grouping', () => {
    fc.assert(
      fc.property(votes, votes, (a, b) => {
        expect(mergeVotes(count(a), count(b))).toEqual(count([...b, ...a].toReversed()));
      }),
    );
  });

  it('have one key per rater and prompt, whatever the texts hold', () => {
    expect(voteKey('ann', 'a cat')).toBe(voteKey('ann', 'a cat'));
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (rater, prompt, otherRater, otherPrompt) => {
        const isSame = rater === otherRater && prompt === otherPrompt;
        expect(voteKey(rater, prompt) === voteKey(otherRater, otherPrompt)).toBe(isSame);
      }),
    );
    expect(voteKey('a","b', 'c')).not.toBe(voteKey('a', 'b","c'));
  });
});

describe('sign e-process', () => {
  it('says nothing without votes, and drops ties', () => {
    expect(lnEPreference(noVotes)).toBe(0);
    expect(lnENonInferiorPreference(noVotes, 0.05)).toBeCloseTo(0, 14);
    expect(winRate(noVotes)).toBeNull();
    expect(winRateInterval(noVotes, ALPHA)).toBeNull();
    expect(fixedSignTestP(noVotes)).toBe(1);
    expect(lnEPreference({ ...count(['candidate']), ties: 9 } as Votes)).toBe(lnEPreference(count(['candidate'])));
  });

  it('finds for the swapped variants what it found for the others', () => {
    fc.assert(
      fc.property(votes, (of) => {
        const usual = count(of);
        const swapped = swapVotes(usual);
        expect(lnEPreference(swapped)).toBeCloseTo(lnEPreference(usual), 12);
        expect(lnEHarmfulPreference(swapped, 0)).toBeCloseTo(lnENonInferiorPreference(usual, 0), 12);
        expect(fixedSignTestP(swapped)).toBe(fixedSignTestP(usual));
        const interval = winRateInterval(usual, ALPHA);
        const mirrored = winRateInterval(swapped, ALPHA);
        expect(mirrored?.low ?? 0).toBeCloseTo(interval === null ? 0 : 1 - interval.high, 12);
        expect(mirrored?.high ?? 0).toBeCloseTo(interval === null ? 0 : 1 - interval.low, 12);
      }),
    );
  });

  it('is finite however one-sided the votes are', () => {
    for (const of of [
      { wins: 1e6, losses: 0 },
      { wins: 0, losses: 1e6 },
      { wins: 1e9, losses: 1e9 },
    ]) {
      for (const prior of ['jeffreys', 'uniform'] as const) expect(lnEPreference(of, prior)).toSatisfy(Number.isFinite);
      expect(lnENonInferiorPreference(of, 0.1)).toSatisfy(Number.isFinite);
      expect(lnEHarmfulPreference(of, 0.1)).toSatisfy(Number.isFinite);
    }
    expect(winRateInterval({ wins: 40, losses: 0 }, ALPHA)?.high).toBe(1);
    expect(winRateInterval({ wins: 40, losses: 0 }, ALPHA)?.low).toBeGreaterThan(0.8);
  });

  it('has an interval that leaves out one half exactly when the e-process rejects', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 80 }), (wins, losses) => {
        fc.pre(wins + losses > 0);
        const interval = winRateInterval({ wins, losses }, ALPHA);
        const isOutside = interval !== null && (interval.low > 0.5 || interval.high < 0.5);
        expect(isOutside).toBe(lnEPreference({ wins, losses }) >= THRESHOLD);
        expect(interval?.low).toBeLessThanOrEqual(wins / (wins + losses));
        expect(interval?.high).toBeGreaterThanOrEqual(wins / (wins + losses));
      }),
    );
  });

  it('has expected factors of at most 1 on the null hypothesis, 1 at its boundary', () => {
    expect(factor(lnEPreference, 0.5)).toBeCloseTo(1, 12);
    expect(factor((of) => lnEPreference(of, 'uniform'), 0.5)).toBeCloseTo(1, 12);
    fc.assert(
      fc.property(margin, fc.double({ min: 0, max: 1, noNaN: true }), (m, share) => {
        const boundary = 0.5 - m;
        expect(factor((of) => lnENonInferiorPreference(of, m), boundary)).toBeCloseTo(1, 10);
        expect(factor((of) => lnEHarmfulPreference(of, m), boundary)).toBeCloseTo(1, 10);
        expect(factor((of) => lnENonInferiorPreference(of, m), share * boundary)).toBeLessThan(1 + 1e-10);
        const better = boundary + share * (1 - boundary);
        expect(factor((of) => lnEHarmfulPreference(of, m), better)).toBeLessThan(1 + 1e-10);
      }),
    );
  });

  it('refuses what are no counts and margins that leave no win rate', () => {
    expect(() => lnEPreference({ wins: -1, losses: 0 })).toThrow('-1 votes');
    expect(() => winRate({ wins: 0.5, losses: 0 })).toThrow('0.5 votes');
    expect(() => lnENonInferiorPreference(noVotes, 0.5)).toThrow('margin 0.5');
    expect(() => winRateInterval(noVotes, 1)).toThrow('alpha 1');
  });
});

/** The expected factor of one more vote at win rate p, after some votes. */
function factor(lnE: (of: Votes) => number, p: number): number {
  const of: Votes = { wins: 11, losses: 17, ties: 0 };
  const win = Math.exp(lnE(addVote(of, 'candidate')) - lnE(of));
  return p * win + (1 - p) * Math.exp(lnE(addVote(of, 'control')) - lnE(of));
}
