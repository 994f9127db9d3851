import { describe, expect, it } from 'vitest';
import { experimentAnalysed, type ExperimentDefined } from '#libs/contracts';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { evidenceDesign } from '../catalogue/evidence-design.js';
import { initialEvidence } from '../fold/evidence.js';
import { foldEvent } from '../fold/fold-event.js';
import { type Analysis, analyse } from './analyse.js';

/** Analyses after so many requests each. */
function looks(counts: readonly number[], spec: Partial<ExperimentDefined['spec']> = {}, share = 0.01, stage = 0) {
  const design = evidenceDesign(definition(spec), 1);
  const traffic = new SimulatedTraffic(5);
  if (stage > 0) traffic.rampTo(share, stage);
  traffic.candidateShare = share;
  const evidence = initialEvidence(design);
  let sent = 0;
  return counts.map((count): Analysis => {
    for (; sent < count; sent++) for (const event of traffic.next()) foldEvent(evidence, design, event);
    return analyse(evidence, design, traffic.atMs);
  });
}

const HALVES: Pick<ExperimentDefined['spec'], 'ramp'> = {
  ramp: {
    kind: 'auto',
    stages: [500_000, 1_000_000].map((weightPpm) => ({ weightPpm, atLeastMs: 0, atLeastUnits: 0, approval: 'none' })),
  },
};

describe('the forecast of a proof', () => {
  it('names what is not known yet, and then the whole that is to come', () => {
    const [early, later] = looks([20, 2_000]) as [Analysis, Analysis];
    expect(early.forecast?.unknown).toEqual(expect.arrayContaining(['alignment', 'cost-per-image', 'latency-p95']));
    expect(later.forecast).toMatchObject({ hardest: 'error-rate', unknown: [] });
    // The course of `plan`: half of the ramps are through after 32,000.
    expect(later.forecast?.units).toBeGreaterThan(20_000);
    expect(later.forecast?.units).toBeLessThan(48_000);
    const event = { ...later, analysisId: 'a', analysedAt: '2026-01-01T00:00:00.000Z' };
    expect(experimentAnalysed.parse(event)).toEqual(event);
  });

  it('begins with what has to be measured first, where nothing else is known', () => {
    const guardrails = definition().spec.guardrails.filter(({ metric }) => metric === 'cost-per-image');
    const [first, later] = looks([5, 150], { ...HALVES, guardrails }, 0.5) as [Analysis, Analysis];
    // 200 units of control, at half of the traffic.
    expect(first.forecast).toMatchObject({ hardest: 'cost-per-image', unknown: ['cost-per-image'] });
    expect(first.forecast?.units).toBeGreaterThan(380);
    expect(first.forecast?.units).toBeLessThanOrEqual(400);
    expect(later.forecast?.units).toBeLessThan(first.forecast!.units!);
  });

  it('comes down as the proof goes on, to nothing', () => {
    const guardrails = definition().spec.guardrails.filter(({ metric }) => metric === 'cost-per-image');
    const left = looks([500, 600, 800, 2_500], { ...HALVES, guardrails }, 0.5).map(({ forecast }) => forecast?.units);
    expect(left[0]).toBeGreaterThan(200);
    expect(left).toEqual(left.toSorted((a, b) => b! - a!));
    expect(left.at(-1)).toBe(0);
  });

  it('is shorter where the first share is larger', () => {
    const units = (
      [
        [0.01, 0],
        [0.2, 4],
      ] as const
    ).map(([share, stage]) => {
      const [analysis] = looks([2_000], {}, share, stage) as [Analysis];
      return analysis.forecast!.units!;
    });
    expect(units[1]).toBeLessThan(units[0]!);
  });

  it('is none of an ab test, which ends by its objectives, nor where nothing is left to climb', () => {
    expect(
      looks([500], { kind: 'ab', objectives: [{ metric: 'gpu-seconds', weight: 1 }] })[0]?.forecast,
    ).toBeUndefined();
    expect(looks([500], HALVES, 1, 1)[0]?.forecast).toBeUndefined();
  });
});
