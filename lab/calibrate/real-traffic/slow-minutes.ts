import type { ExperimentSpec } from '#libs/contracts';
import type { RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { SimulatedTraffic } from '#libs/testing/traffic';
import { inOrderOfTime, latencyGuardrail, wrongDecisions } from './looks.js';
import type { RealTrafficRow } from './row.js';

const SLOW_MS = 60_000;
/** Share of the time in which a pod is slow, every pod alike; and how many times as long its requests take then. */
const SLOW = 0.02;
const SLOW_FACTOR = 3;

interface Situation {
  readonly perSecond: number;
  readonly share: number;
  readonly pods: { readonly control: number; readonly candidate: number };
  readonly episodes?: ExperimentSpec['episodes'];
}

/**
 * An equal candidate, of which every pod is slow for a minute now and then, as every pod of control's is: a neighbour on the same machine, a backup. Harm
 * at the boundary of no difference.
 */
export const slowMinutes: readonly RealTrafficRow[] = [
  { perSecond: 5, share: 0.2, pods: { control: 20, candidate: 5 } },
  { perSecond: 20, share: 0.05, pods: { control: 20, candidate: 1 } },
  { perSecond: 20, share: 0.2, pods: { control: 20, candidate: 5 } },
  { perSecond: 20, share: 0.5, pods: { control: 10, candidate: 10 } },
  { perSecond: 20, share: 0.05, pods: { control: 20, candidate: 1 }, episodes: { lengthMs: SLOW_MS } },
  { perSecond: 20, share: 0.2, pods: { control: 20, candidate: 5 }, episodes: { lengthMs: SLOW_MS } },
  { perSecond: 20, share: 0.5, pods: { control: 10, candidate: 10 }, episodes: { lengthMs: SLOW_MS } },
].map((situation: Situation) => ({
  name: nameOf(situation),
  run: (requests, random) => play(situation, requests, random),
}));

function nameOf({ perSecond, share, pods, episodes }: Situation): string {
  const rule = episodes === undefined ? '' : ', episodes of 60 s';
  return `pods slow for a minute, ${perSecond}/s, ${share * 100} %, ${pods.control} and ${pods.candidate} pods${rule}`;
}

function play(situation: Situation, requests: number, random: SimulationRandom): Readonly<Record<string, boolean>> {
  const { share, perSecond, episodes } = situation;
  const traffic = new SimulatedTraffic(Math.floor(2 ** 31 * random.uniform()), {}, perSecond);
  traffic.candidateShare = share;
  const spec = {
    guardrails: [latencyGuardrail('no effect')],
    ...(episodes === undefined ? {} : { episodes }),
  };
  const events = inOrderOfTime(answered(traffic, situation, requests, random));
  return wrongDecisions(spec, events, 'no effect');
}

function answered(
  traffic: SimulatedTraffic,
  { pods }: Situation,
  requests: number,
  random: SimulationRandom,
): readonly RequestEvent[] {
  const of = {
    control: Array.from({ length: pods.control }, () => new SlowMinutes(random)),
    candidate: Array.from({ length: pods.candidate }, () => new SlowMinutes(random)),
  };
  return Array.from({ length: requests }).flatMap(() => {
    const [event] = traffic.next();
    if (event?.type !== 'request.routed.v1') return [];
    const ofVariant = of[event.data.assignment?.variant === 'candidate' ? 'candidate' : 'control'];
    const pod = ofVariant[Math.floor(random.uniform() * ofVariant.length)] as SlowMinutes;
    const isSlow = pod.isSlowAt(traffic.atMs);
    const { durationMs } = event.data;
    if (durationMs === null || !isSlow) return [event];
    const time = new Date(traffic.atMs + SLOW_FACTOR * durationMs).toISOString();
    return [{ ...event, time, data: { ...event.data, durationMs: SLOW_FACTOR * durationMs } }];
  });
}

/** When one pod is slow: a Poisson process, which may be under way when the run begins. */
class SlowMinutes {
  private beginsAtMs: number | null = null;

  constructor(private readonly random: SimulationRandom) {}

  /** Times ascend. */
  isSlowAt(atMs: number): boolean {
    this.beginsAtMs ??= this.random.uniform() < SLOW ? atMs - SLOW_MS * this.random.uniform() : this.nextAfter(atMs);
    while (atMs >= this.beginsAtMs + SLOW_MS) this.beginsAtMs = this.nextAfter(this.beginsAtMs + SLOW_MS);
    return atMs >= this.beginsAtMs;
  }

  private nextAfter(atMs: number): number {
    const pauseMs = (SLOW_MS * (1 - SLOW)) / SLOW;
    return atMs - pauseMs * Math.log(1 - this.random.uniform());
  }
}
