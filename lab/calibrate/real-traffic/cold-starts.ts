import type { ExperimentSpec, Guardrail } from '#libs/contracts';
import { analyse, foldEvent, initialEvidence, type RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const LOOK_EVERY = 100;
const REQUESTS_PER_SECOND = 10;
const SHARE = 0.1;
const LATENCY_MARGIN = 0.1;
/** Pods of a variant, and how long one lives on average where it is the one that is rolled out or scaled, and where it is not. */
const PODS = {
  control: { count: 10, restlessLifeMs: 2_000_000, steadyLifeMs: 10_000_000 },
  candidate: { count: 2, restlessLifeMs: 500_000, steadyLifeMs: 5_000_000 },
};
/** A pod's first request takes this many times as long, and each later one a fifth less of what that is beyond a warm one. */
const COLD_FACTOR = 8;
const COOLED_PER_REQUEST = 0.8;
/** From here on a pod is warm. */
const COLD_REQUESTS = 20;

type Truth = 'no effect' | 'at the margin';

interface Situation {
  readonly truth: Truth;
  /** Whose pods start more often. */
  readonly restless: 'control' | 'candidate';
}

/**
 * A candidate whose warm requests are as control's, or slower by the margin, and pods of both variants that are replaced now and then, those of
 * one more often than those of the other; the first requests of a pod are slow, and its events say which pod it was. Without an effect nothing may be harmful at
 * all (any-harm) or superior; at the margin neither "harmful" nor "non-inferior" is true.
 * @param warmUp as in the experiment file; undefined: the default.
 */
export function coldStarts(warmUp?: ExperimentSpec['warmUp']): readonly RealTrafficRow[] {
  const situations: readonly Situation[] = [
    { truth: 'no effect', restless: 'candidate' },
    { truth: 'no effect', restless: 'control' },
    { truth: 'at the margin', restless: 'candidate' },
  ];
  return situations.map((situation) => ({
    name: `cold starts in both variants, mostly of ${situation.restless}, ${SHARE * 100} %, ${situation.truth}`,
    run: (requests, random) => play(situation, warmUp, requests, random),
  }));
}

function play(
  { truth, restless }: Situation,
  warmUp: ExperimentSpec['warmUp'],
  requests: number,
  random: SimulationRandom,
): Readonly<Record<string, boolean>> {
  const guardrail: Guardrail = {
    metric: 'latency-p95',
    margin: { kind: 'relative', value: LATENCY_MARGIN },
    rollbackOn: truth === 'no effect' ? 'any-harm' : 'beyond-margin',
  };
  const design = judgedDesign(definition({ guardrails: [guardrail], unit: 'request', warmUp }));
  const evidence = initialEvidence(design, 'request.routed.v1');
  const latencyFactor = truth === 'no effect' ? 1 : 1 + LATENCY_MARGIN;
  const traffic = new SimulatedTraffic(
    Math.floor(2 ** 31 * random.uniform()),
    { candidate: { latencyFactor } },
    REQUESTS_PER_SECOND,
  );
  traffic.candidateShare = SHARE;
  const proof = truth === 'no effect' ? 'superior' : 'nonInferior';
  const seen = { isHarmful: false, isProven: false };
  for (const [index, event] of answered(traffic, restless, requests, random).entries()) {
    foldEvent(evidence, design, event);
    if (index % LOOK_EVERY !== LOOK_EVERY - 1) continue;
    const latency = analyse(evidence, design, 0).metrics.find(({ role }) => role === 'guardrail');
    if (latency?.verdict === 'harmful') seen.isHarmful = true;
    if ((latency?.lnE?.[proof] ?? 0) >= -Math.log(design.alpha)) seen.isProven = true;
  }
  return {
    'latency-p95: harmful': seen.isHarmful,
    [`latency-p95: ${proof === 'superior' ? 'superior' : 'non-inferior'}`]: seen.isProven,
  };
}

/** In the order in which they are answered. */
function answered(
  traffic: SimulatedTraffic,
  restless: Situation['restless'],
  requests: number,
  random: SimulationRandom,
): readonly RequestEvent[] {
  const pods = { control: podsOf('control'), candidate: podsOf('candidate') };
  const answers: { readonly atMs: number; readonly event: RequestEvent }[] = [];
  for (let request = 0; request < requests; request++) {
    const [event] = traffic.next();
    if (event?.type !== 'request.routed.v1') continue;
    const ofVariant = pods[event.data.assignment?.variant === 'candidate' ? 'candidate' : 'control'];
    const pod = ofVariant[Math.floor(random.uniform() * ofVariant.length)] as Pod;
    const { instance, factor } = pod.answer(traffic.atMs);
    const durationMs = event.data.durationMs === null ? null : event.data.durationMs * factor;
    const atMs = traffic.atMs + (durationMs ?? 0);
    answers.push({
      atMs,
      event: { ...event, time: new Date(atMs).toISOString(), data: { ...event.data, durationMs, instance } },
    });
  }
  return answers.sort((a, b) => a.atMs - b.atMs).map(({ event }) => event);

  function podsOf(variant: Situation['restless']): readonly Pod[] {
    const { count, restlessLifeMs, steadyLifeMs } = PODS[variant];
    const lifeMs = variant === restless ? restlessLifeMs : steadyLifeMs;
    return Array.from({ length: count }, (_, index) => new Pod(`${variant}-${index}`, lifeMs, random));
  }
}

/** One place of a deployment: its process is replaced at the times of a Poisson process. */
class Pod {
  private start = 0;
  private requests = 0;
  private endsAtMs: number | null = null;

  constructor(
    private readonly name: string,
    private readonly lifeMs: number,
    private readonly random: SimulationRandom,
  ) {}

  /** Which process answers a request that comes now, and how many times as long it takes as a warm one; times ascend. */
  answer(atMs: number): { readonly instance: string; readonly factor: number } {
    this.endsAtMs ??= this.endAfter(atMs);
    while (atMs >= this.endsAtMs) {
      this.endsAtMs = this.endAfter(this.endsAtMs);
      this.start += 1;
      this.requests = 0;
    }
    const factor = this.requests < COLD_REQUESTS ? 1 + (COLD_FACTOR - 1) * COOLED_PER_REQUEST ** this.requests : 1;
    this.requests += 1;
    return { instance: `${this.name}-${this.start}`, factor };
  }

  private endAfter(atMs: number): number {
    return atMs - this.lifeMs * Math.log(1 - this.random.uniform());
  }
}
