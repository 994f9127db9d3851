import { describe, expect, it } from 'vitest';
import type { Guardrail } from '#libs/contracts';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { initialEvidence } from '../fold/evidence.js';
import { foldEvent } from '../fold/fold-event.js';
import { analyse } from './analyse.js';

const { guardrails } = definition().spec;
const designOf = (alphaPer: 'guardrail' | 'experiment', weighted: readonly Guardrail[] = guardrails) =>
  evidenceDesign(definition({ alphaPer, guardrails: [...weighted] }), 1);

/** Analyses of a candidate that costs more, after so many requests each, under one α per guardrail and under a shared one. */
function looks(alone: ReturnType<typeof designOf>, shared: ReturnType<typeof designOf>) {
  const traffic = new SimulatedTraffic(3, { candidate: { costFactor: 1.15 } });
  traffic.candidateShare = 0.5;
  const evidence = initialEvidence(alone);
  return Array.from({ length: 60 }, () => {
    for (let request = 0; request < 10; request++)
      for (const event of traffic.next()) foldEvent(evidence, alone, event);
    return [alone, shared].map((design) => {
      const { metrics } = analyse(evidence, design, traffic.atMs);
      return metrics.find(({ metric }) => metric === 'cost-per-image')!;
    });
  });
}

describe('an α that is shared by the experiment', () => {
  it('asks more of a proof of harm, and no more of any other proof', () => {
    const seen = looks(designOf('guardrail'), designOf('experiment'));
    for (const [alone, shared] of seen) {
      expect(alone!.harmAlpha).toBeUndefined();
      expect(shared!.harmAlpha).toBeCloseTo(0.01, 12);
      const lnE = alone!.lnE?.harmful ?? 0;
      expect(shared!.lnE).toEqual(alone!.lnE);
      expect(alone!.verdict === 'harmful').toBe(lnE >= Math.log(20));
      expect(shared!.verdict === 'harmful').toBe(lnE >= Math.log(100));
      expect(shared!.budget).toEqual(alone!.budget);
    }
    const verdicts = seen.map((both) => both.map(({ verdict }) => verdict).join(' '));
    expect(verdicts).toContain('harmful undecided');
    expect(verdicts.at(-1)).toBe('harmful harmful');
  });

  it('is shared by weights', () => {
    const weighted = guardrails.map((guardrail) => ({
      ...guardrail,
      ...(guardrail.metric === 'cost-per-image' ? { weight: 6 } : {}),
    }));
    const [, shared] = looks(designOf('guardrail'), designOf('experiment', weighted)).at(-1)!;
    expect(shared!.harmAlpha).toBeCloseTo(0.03, 12);
  });
});
