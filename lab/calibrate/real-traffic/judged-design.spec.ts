import { describe, expect, it } from 'vitest';
import type { ExperimentSpec } from '#libs/contracts';
import { analyse, evidenceDesign, type EvidenceDesign, foldEvent, initialEvidence } from '#libs/evidence';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';

const ANY_HARM = definition().spec.guardrails.map((guardrail) => ({ ...guardrail, rollbackOn: 'any-harm' as const }));

describe('judgedDesign', () => {
  it('leaves every verdict as it is with the whole catalogue', () => {
    const spec: Partial<ExperimentSpec> = { guardrails: ANY_HARM, alphaPer: 'experiment', unit: 'request' };
    const ofWhole = verdicts(evidenceDesign(definition(spec), 1));
    expect(verdicts(judgedDesign(definition(spec)))).toEqual(ofWhole);
    expect(new Set(ofWhole.flat()).size).toBeGreaterThan(1);
  });

  it('collects nothing that decides nothing', () => {
    const { metrics } = judgedDesign(definition({ guardrails: ANY_HARM }));
    expect(metrics.map(({ role }) => role)).not.toContain('observed');
  });
});

/** Of the guardrails, at every look at the same traffic. */
function verdicts(design: EvidenceDesign): readonly (readonly string[])[] {
  const evidence = initialEvidence(design);
  const traffic = new SimulatedTraffic(7, { candidate: { errorRate: 0.2 } });
  traffic.candidateShare = 0.2;
  return Array.from({ length: 12 }, () => {
    for (let request = 0; request < 100; request++) {
      for (const event of traffic.next()) foldEvent(evidence, design, event);
    }
    return analyse(evidence, design, traffic.atMs)
      .metrics.filter(({ role }) => role === 'guardrail')
      .map(({ metric, verdict }) => `${metric} ${verdict}`);
  });
}
