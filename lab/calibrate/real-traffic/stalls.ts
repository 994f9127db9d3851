import type { ExperimentSpec } from '#libs/contracts';
import { analyse, foldEvent, initialEvidence, type RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;
export const CONTROL_PODS = 20;
const STALL_MS = 5_000;
/** Share of the time in which a pod stalls, every pod alike. */
const STALLED = 0.01;

interface Situation {
  readonly perSecond: number;
  readonly share: number;
  /** Pods of the candidate. */
  readonly pods: number;
  readonly episodes?: ExperimentSpec['episodes'];
}

/**
 * An equal candidate, both of whose pods stall now and then for 5 s: a request that meets a stall waits for its end. Harm at the boundary of no
 * difference. Without episodes up to a third of the runs err.
 */
export const stalls: readonly RealTrafficRow[] = [
  { perSecond: 5, share: 0.2, pods: 1 },
  { perSecond: 20, share: 0.01, pods: 1 },
  { perSecond: 20, share: 0.05, pods: 1 },
  { perSecond: 20, share: 0.2, pods: 4 },
  { perSecond: 100, share: 0.01, pods: 1 },
  { perSecond: 100, share: 0.05, pods: 1 },
  { perSecond: 100, share: 0.2, pods: 1, episodes: { lengthMs: 10_000 } },
].map((situation) => ({
  name: nameOf(situation),
  run: (requests, random) => ({ 'latency-p95: harmful': everSlow(situation, requests, random) }),
}));

function nameOf({ perSecond, share, pods, episodes }: Situation): string {
  const rule = episodes === undefined ? '' : ', episodes of 10 s';
  return `stalls of single pods, ${perSecond}/s, ${share * 100} %, candidate on ${pods}${rule}`;
}

function everSlow(situation: Situation, requests: number, random: SimulationRandom): boolean {
  const { share, episodes } = situation;
  const guardrail = {
    metric: 'latency-p95',
    margin: { kind: 'relative', value: 0.1 },
    rollbackOn: 'any-harm',
  } as const;
  const spec: Partial<ExperimentSpec> = {
    guardrails: [guardrail],
    unit: 'request',
    ...(episodes === undefined ? {} : { episodes }),
  };
  const design = judgedDesign(definition(spec));
  const evidence = initialEvidence(design);
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()), {}, situation.perSecond);
  traffic.candidateShare = share;
  const events = routedWithStalls(traffic, situation, requests, random);
  for (const [index, event] of events.entries()) {
    foldEvent(evidence, design, event);
    if (index % LOOK_EVERY !== 0) continue;
    const { metrics } = analyse(evidence, design, traffic.atMs);
    if (metrics.some(({ role, verdict }) => role === 'guardrail' && verdict === 'harmful')) return true;
  }
  return false;
}

/** In the order in which they are answered. */
function routedWithStalls(
  traffic: SimulatedTraffic,
  { pods }: Situation,
  requests: number,
  random: SimulationRandom,
): readonly RequestEvent[] {
  const stallsOf = {
    control: Array.from({ length: CONTROL_PODS }, () => new PodStalls(random)),
    candidate: Array.from({ length: pods }, () => new PodStalls(random)),
  };
  const answers: { readonly atMs: number; readonly event: RequestEvent }[] = [];
  for (let request = 0; request < requests; request++) {
    const [event] = traffic.next();
    if (event?.type !== 'request.routed.v1') continue;
    const variant = event.data.assignment?.variant === 'candidate' ? 'candidate' : 'control';
    const ofVariant = stallsOf[variant];
    const pod = ofVariant[Math.floor(random.uniform() * ofVariant.length)] as PodStalls;
    const waitMs = pod.waitAt(traffic.atMs);
    const { durationMs } = event.data;
    const atMs = Date.parse(event.time) + waitMs;
    const data = { ...event.data, durationMs: durationMs === null ? null : durationMs + waitMs };
    answers.push({ atMs, event: { ...event, time: new Date(atMs).toISOString(), data } });
  }
  return answers.sort((a, b) => a.atMs - b.atMs).map(({ event }) => event);
}

/** When one pod stalls: a Poisson process. */
export class PodStalls {
  private beginsAtMs: number | null = null;

  constructor(private readonly random: SimulationRandom) {}

  /** How long a request that comes now has to wait; times ascend. */
  waitAt(atMs: number): number {
    this.beginsAtMs ??= this.nextAfter(atMs);
    while (atMs >= this.beginsAtMs + STALL_MS) this.beginsAtMs = this.nextAfter(this.beginsAtMs + STALL_MS);
    return atMs < this.beginsAtMs ? 0 : this.beginsAtMs + STALL_MS - atMs;
  }

  private nextAfter(atMs: number): number {
    const pauseMs = (STALL_MS * (1 - STALLED)) / STALLED;
    return atMs - pauseMs * Math.log(1 - this.random.uniform());
  }
}
