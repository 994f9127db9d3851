import type { AbsoluteLimit } from '#libs/contracts';
import { analyse, evidenceDesign, foldEvent, initialEvidence } from '#libs/evidence';
import { normalUpperQuantile } from '#libs/statistics';
import type { SimulationRandom } from '#libs/testing/random';
import { type Behaviour, definition, SimulatedTraffic } from '#libs/testing/traffic';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;
const RAMP = [0.01, 0.05, 0.1, 0.25, 0.5];

/** Of both variants. Latencies of the simulated traffic are lognormal around 800 ms; requests that fail have none. */
const BEHAVIOUR: Behaviour = { errorRate: 0.02, alignment: 0.3 };

/** What the variants are, to the digit. */
const LIMITS: readonly AbsoluteLimit[] = [
  { metric: 'error-rate', kind: 'at-most', value: 0.02 },
  { metric: 'latency-p95', kind: 'at-most', value: 800 * Math.exp(0.3 * normalUpperQuantile(0.05)) },
  { metric: 'alignment', kind: 'at-least', value: 0.3 },
];

/**
 * An equal candidate, both variants exactly at their absolute limits: neither "beyond" nor "within" is right, and nobody may be rolled back
 * for a limit. Whether a limit is broken at present is an alarm and no proof, so it is not counted.
 */
export const limits: readonly RealTrafficRow[] = (['50 %', 'a ramp 1 to 50 %'] as const).map((share) => ({
  name: `both variants exactly at their limits, ${share}`,
  run: (requests, random) =>
    play(
      (part) => (share === '50 %' ? 0.5 : (RAMP[Math.min(RAMP.length - 1, Math.floor(part * RAMP.length))] as number)),
      requests,
      random,
    ),
}));

function play(
  shareAt: (part: number) => number,
  requests: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const design = evidenceDesign(definition({ limits: [...LIMITS], unit: 'request' }), 1);
  const evidence = initialEvidence(design);
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()), {
    control: BEHAVIOUR,
    candidate: BEHAVIOUR,
  });
  const wrong: Record<string, boolean> = { 'rolled back for a limit': false };
  for (const { metric } of LIMITS) {
    wrong[`${metric}: beyond its limit`] = false;
    wrong[`${metric}: within its limit`] = false;
  }
  for (let request = 0; request < requests; request++) {
    traffic.candidateShare = shareAt(request / requests);
    for (const event of traffic.next()) {
      if (event.type !== 'generation.completed.v1') foldEvent(evidence, design, event);
    }
    if ((request + 1) % LOOK_EVERY !== 0) continue;
    for (const { metric, limit } of analyse(evidence, design, traffic.atMs).metrics) {
      if (limit === undefined) continue;
      const { control, candidate } = limit;
      if (candidate.verdict === 'undecided') continue;
      wrong[`${metric}: ${candidate.verdict} its limit`] = true;
      if (candidate.verdict === 'beyond' && control.verdict === 'within') wrong['rolled back for a limit'] = true;
    }
  }
  return wrong;
}
