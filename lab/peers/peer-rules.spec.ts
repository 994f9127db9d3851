import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import type { PeerDecision, PeerRule } from './peer-rule.js';
import { peerRules } from './peer-rules.js';

/** Normal values, sd .1, candidate's mean shifted; stops at the first decision. */
function run(rule: PeerRule, shift: number, seed: number, units = 40_000): { decision: PeerDecision; after: number } {
  const random = simulationRandom(seed);
  const canary = rule.start({ share: 0.2, margin: 0.02, worse: 'lower', alpha: 0.05 });
  for (let i = 1; i <= units; i++) {
    const isCandidate = random.uniform() < 0.2;
    canary.observe(isCandidate, 0.5 + 0.1 * random.normal() + (isCandidate ? shift : 0));
    const decision = i % (rule.everyUnits ?? 1) === 0 ? canary.decide() : 'undecided';
    if (decision !== 'undecided') return { decision, after: i };
  }
  return { decision: 'undecided', after: units };
}

describe.each(peerRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
  it('is undecided before any data', () => {
    expect(rule.start({ share: 0.2, margin: 0.02, worse: 'lower', alpha: 0.05 }).decide()).toBe('undecided');
  });

  it('rolls a candidate back that is far worse, promotes one that is far better', () => {
    expect(run(rule, -0.2, 7).decision).toBe('rollback');
    expect(run(rule, 0.1, 7).decision).toBe('promote');
  });

  it('turns around with the direction that is worse', () => {
    const canary = rule.start({ share: 0.2, margin: 0.02, worse: 'higher', alpha: 0.05 });
    const mirrored = rule.start({ share: 0.2, margin: 0.02, worse: 'lower', alpha: 0.05 });
    const random = simulationRandom(3);
    for (let i = 0; i < 3_000; i++) {
      const isCandidate = random.uniform() < 0.2;
      const value = random.normal() + (isCandidate ? 0.4 : 0);
      canary.observe(isCandidate, value);
      mirrored.observe(isCandidate, -value);
      if (i % 50 === 0) expect(canary.decide()).toBe(mirrored.decide());
    }
  });

  it('ignores values that are not finite', () => {
    const canary = rule.start({ share: 0.2, margin: 0.02, worse: 'lower', alpha: 0.05 });
    for (let i = 0; i < 1_000; i++) canary.observe(i % 5 === 0, Number.NaN);
    expect(canary.decide()).not.toBe('promote');
  });
});
