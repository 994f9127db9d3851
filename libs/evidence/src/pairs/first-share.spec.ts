import { describe, expect, it } from 'vitest';
import { firstStage, hardestOf, type JudgedByPairs, shareAllowed } from './first-share.js';

const LADDER = [10_000, 50_000, 250_000, 1_000_000];

/** A guardrail that is proven up to a share. */
function provenTo(metric: string, sharePpm: number, verdict = 'undecided', role = 'guardrail'): JudgedByPairs {
  return {
    metric,
    role,
    verdict,
    budget: LADDER.slice(1).map((at) => ({ sharePpm: at, nonInferior: at <= sharePpm })),
  };
}

describe('the first share that pairs allow', () => {
  it('is the largest at which every guardrail is proven, named by the one that allows least', () => {
    const metrics = [provenTo('a', 250_000), provenTo('b', 50_000), provenTo('c', 0, 'undecided', 'objective')];
    expect(shareAllowed(metrics, LADDER)).toBe(50_000);
    expect(hardestOf(metrics)).toBe('b');
  });

  it('is none without guardrails, with one that is proven nowhere, and with one that is harmed', () => {
    expect(shareAllowed([], LADDER)).toBe(0);
    expect(shareAllowed([provenTo('a', 250_000), provenTo('b', 0)], LADDER)).toBe(0);
    expect(shareAllowed([provenTo('a', 250_000), provenTo('b', 250_000, 'harmful')], LADDER)).toBe(0);
  });

  it('is never all of the traffic, and at least the first of the ramp', () => {
    expect(firstStage(LADDER, 1_000_000)).toEqual({ stage: 2, sharePpm: 250_000 });
    expect(firstStage(LADDER, 50_000)).toEqual({ stage: 1, sharePpm: 50_000 });
    expect(firstStage(LADDER, 0)).toEqual({ stage: 0, sharePpm: 10_000 });
    expect(firstStage([1_000_000], 1_000_000)).toEqual({ stage: 0, sharePpm: 1_000_000 });
  });
});
