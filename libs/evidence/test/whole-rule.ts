import {
  analyse,
  type Evidence,
  evidenceDesign,
  foldEvent,
  memoryKey,
  initialEvidence,
  mergeEvidence,
} from '../src/index.js';
import { type Behaviour, definition, SimulatedTraffic } from './simulated-traffic.js';

const LADDER_PPM = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];
const MOST_REQUESTS = 80_000;
const REQUESTS_BETWEEN_ANALYSES = 80;

export interface Ending {
  readonly outcome: 'promoted' | 'rolled-back' | 'undecided';
  /** The metric that was harmful. */
  readonly metric: string | null;
  readonly requests: number;
  /** Requests the candidate answered. */
  readonly exposed: number;
}

export interface WholeRule {
  readonly seed: number;
  readonly fromPpm: number;
  readonly partitions: number;
  readonly candidate: Behaviour;
}

/**
 * Plays one canary by the whole rule, one request per unit: harm rolls back, the share rises to the largest rung of the ladder
 * whose damage budget every guardrail has proven, proof at 100 % promotes. Looked at after every request the candidate
 * answered while its share is small, and every 80 requests.
 */
export function playWholeRule({ seed, fromPpm, partitions, candidate }: WholeRule): Ending {
  const ladder = LADDER_PPM.filter((ppm) => ppm >= fromPpm);
  const stages = ladder.map((weightPpm) => ({ weightPpm, atLeastMs: 0, atLeastUnits: 0, approval: 'none' as const }));
  const design = evidenceDesign(definition({ ramp: { kind: 'auto', stages }, unit: 'request' }), partitions);
  const traffic = new SimulatedTraffic(seed, { candidate });
  traffic.candidateShare = fromPpm / 1e6;
  const parts = new Map<string, Evidence>();
  let sinceAnalysis = 0;
  for (let requests = 1; requests <= MOST_REQUESTS; requests++) {
    const events = traffic.next();
    for (const event of events) {
      const part = `${event.type}/${memoryKey(event.subject) % partitions}`;
      const evidence = parts.get(part) ?? initialEvidence(design);
      parts.set(part, evidence);
      foldEvent(evidence, design, event);
    }
    sinceAnalysis += 1;
    const isCandidate = events[0]?.data.assignment?.variant === 'candidate';
    if (sinceAnalysis < REQUESTS_BETWEEN_ANALYSES && !(isCandidate && traffic.candidateShare < 0.1)) continue;
    sinceAnalysis = 0;
    const { metrics } = analyse([...parts.values()].reduce(mergeEvidence), design, 0);
    const guarded = metrics.filter(({ role }) => role === 'guardrail');
    const exposed = traffic.sent.candidate;
    const harmful = guarded.find(({ verdict }) => verdict === 'harmful');
    if (harmful) return { outcome: 'rolled-back', metric: harmful.metric, requests, exposed };
    const proven = ladder.filter((ppm) =>
      guarded.every(({ budget }) => budget.some(({ sharePpm, nonInferior }) => sharePpm === ppm && nonInferior)),
    );
    const share = (proven.at(-1) ?? 0) / 1e6;
    if (share === 1) return { outcome: 'promoted', metric: null, requests, exposed };
    if (share > traffic.candidateShare) traffic.rampTo(share);
  }
  return { outcome: 'undecided', metric: null, requests: MOST_REQUESTS, exposed: traffic.sent.candidate };
}
