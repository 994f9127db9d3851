import { analyse, foldEvent, initialEvidence } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;

/**
 * An equal candidate under five guardrails of which any harm rolls back, at the boundary of no difference: whether any of them ever errs. They share α; with α for
 * each of them the same runs err several times as often (61 of 700 canaries in hold-out situations).
 */
export const sharedAlpha: readonly RealTrafficRow[] = [0.5, 0.05].map((share) => ({
  name: `five any-harm guardrails share α, ${share * 100} %`,
  run: (requests, random) => ({ 'any guardrail: harmful': everHarmful('experiment', { share, requests, random }) }),
}));

/** Whether harm of any guardrail was ever proven, under one way of giving out α. */
export function everHarmful(
  alphaPer: 'guardrail' | 'experiment',
  { share, requests, random }: { readonly share: number; readonly requests: number; readonly random: SimulationRandom },
): boolean {
  const guardrails = definition().spec.guardrails.map((guardrail) => ({
    ...guardrail,
    rollbackOn: 'any-harm' as const,
  }));
  const design = judgedDesign(definition({ guardrails, alphaPer, unit: 'request' }));
  const evidence = initialEvidence(design);
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()));
  traffic.candidateShare = share;
  for (let request = 1; request <= requests; request++) {
    for (const event of traffic.next()) foldEvent(evidence, design, event);
    if (request % LOOK_EVERY !== 0) continue;
    const { metrics } = analyse(evidence, design, traffic.atMs);
    if (metrics.some(({ role, verdict }) => role === 'guardrail' && verdict === 'harmful')) return true;
  }
  return false;
}
