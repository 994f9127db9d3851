import type { Guardrail } from '#libs/contracts';
import { analyse, type Evidence, foldEvent, initialEvidence, type RequestEvent } from '#libs/evidence';
import type { SimulationRandom } from '#libs/testing/random';
import { definition } from '#libs/testing/traffic';
import { judgedDesign } from './judged-design.js';
import type { RealTrafficRow } from './row.js';

const USERS = 2_000;
/** A tenth of the users makes 60 % of the requests. */
const HEAVY_SHARE_OF_USERS = 0.1;
const HEAVY_SHARE_OF_REQUESTS = 0.6;
const ERROR_RATE = 0.01;
const ERROR_MARGIN = 0.005;
const LATENCY_MARGIN = 0.1;
const LOOK_EVERY = 100;
/** A client asks again after a failure, this often and at most so many times. */
const RETRY = { chance: 0.7, most: 3 };
const REDELIVERED = 0.05;

type Truth = 'no effect' | 'at the margin';

interface Plan {
  readonly truth: Truth;
  /** The candidate's share at a part of the run, 0 to 1. */
  readonly share: (part: number) => number;
  readonly hasRetries: boolean;
}

const RAMP = [0.01, 0.05, 0.1, 0.25, 0.5];
const ramp = (part: number): number => RAMP[Math.min(RAMP.length - 1, Math.floor(part * RAMP.length))] as number;
const TRUTHS: readonly Truth[] = ['no effect', 'at the margin'];

/**
 * People who come back, each with an own speed and an own inclination to fail. Without an effect nothing may be harmful at all (any-harm) or
 * superior; at the margin neither "harmful" nor "non-inferior" is true.
 */
export const returningUsers: readonly RealTrafficRow[] = TRUTHS.flatMap((truth) => [
  row(`returning users, 5 %, ${truth}`, { truth, share: () => 0.05, hasRetries: false }),
  row(`returning users, a ramp 1 to 50 %, ${truth}`, { truth, share: ramp, hasRetries: false }),
  row(`returning users, retries and redelivery, 20 %, ${truth}`, { truth, share: () => 0.2, hasRetries: true }),
]);

function row(name: string, plan: Plan): RealTrafficRow {
  return { name, run: (requests, random) => play(plan, requests, random) };
}

function play(plan: Plan, requests: number, random: SimulationRandom): Readonly<Record<string, boolean>> {
  const design = judgedDesign(definition({ guardrails: guardrailsOf(plan.truth), unit: 'user' }));
  const evidence = initialEvidence(design, 'request.routed.v1');
  const people = Array.from({ length: USERS }, () => ({
    bucket: random.uniform(),
    speed: Math.exp(0.2 * random.normal()),
    frailty: -Math.log(1 - random.uniform()),
  }));
  const wrong: Record<string, boolean> = {};
  for (let request = 0; request < requests; request++) {
    const user = Math.floor(userOf(random) * USERS);
    const share = plan.share(request / requests);
    const person = people[user] as (typeof people)[number];
    const isCandidate = person.bucket < share;
    for (let attempt = 0; ; attempt++) {
      const isWorse = isCandidate && plan.truth === 'at the margin';
      const isFailed = random.uniform() < ERROR_RATE * person.frailty + (isWorse ? ERROR_MARGIN : 0);
      const latencyMs = 800 * person.speed * Math.exp(0.2 * random.normal()) * (isWorse ? 1 + LATENCY_MARGIN : 1);
      const event = routed({ id: `${request}.${attempt}`, user, share, isCandidate, isFailed, latencyMs });
      foldEvent(evidence, design, event);
      if (plan.hasRetries && random.uniform() < REDELIVERED) foldEvent(evidence, design, event);
      const isRetried = plan.hasRetries && isFailed && attempt < RETRY.most && random.uniform() < RETRY.chance;
      if (!isRetried) break;
    }
    if (request % LOOK_EVERY === LOOK_EVERY - 1) look(evidence);
  }
  return wrong;

  function look(at: Evidence): void {
    for (const { metric, role, verdict, lnE } of analyse(at, design, 0).metrics) {
      if (role !== 'guardrail') continue;
      const isProven = (proof: number | undefined): boolean => (proof ?? 0) >= -Math.log(design.alpha);
      note(`${metric}: harmful`, verdict === 'harmful' || isProven(lnE?.harmful));
      if (plan.truth === 'no effect') note(`${metric}: superior`, isProven(lnE?.superior));
      else note(`${metric}: non-inferior`, isProven(lnE?.nonInferior));
    }
  }

  function note(decision: string, isTaken: boolean): void {
    wrong[decision] = (wrong[decision] ?? false) || isTaken;
  }
}

function guardrailsOf(truth: Truth): Guardrail[] {
  const rollbackOn = truth === 'no effect' ? 'any-harm' : 'beyond-margin';
  return [
    { metric: 'error-rate', margin: { kind: 'absolute', value: ERROR_MARGIN }, rollbackOn },
    { metric: 'latency-p95', margin: { kind: 'relative', value: LATENCY_MARGIN }, rollbackOn },
  ];
}

/** Where in the order of users the next request's is, 0 to 1; the heavy ones are the first. */
function userOf(random: SimulationRandom): number {
  return random.uniform() < HEAVY_SHARE_OF_REQUESTS
    ? HEAVY_SHARE_OF_USERS * random.uniform()
    : HEAVY_SHARE_OF_USERS + (1 - HEAVY_SHARE_OF_USERS) * random.uniform();
}

interface Routed {
  readonly id: string;
  readonly user: number;
  readonly share: number;
  readonly isCandidate: boolean;
  readonly isFailed: boolean;
  readonly latencyMs: number;
}

const TIME = '2026-01-01T00:00:00.000Z';

function routed({ id, user, share, isCandidate, isFailed, latencyMs }: Routed): RequestEvent {
  const candidatePpm = Math.round(share * 1e6);
  const stage = RAMP.indexOf(share) + 1;
  return {
    specversion: '1.0',
    id,
    source: 'simulation',
    type: 'request.routed.v1',
    time: TIME,
    subject: `u${user}`,
    data: {
      requestId: id,
      service: 'text-to-image',
      upstream: 'http://simulated',
      outcome: isFailed ? 'server-error' : 'delivered',
      status: isFailed ? 500 : 200,
      startedAt: TIME,
      durationMs: isFailed ? null : latencyMs,
      assignment: {
        experiment: 'exp',
        revision: 1,
        variant: isCandidate ? 'candidate' : 'control',
        control: 'control',
        unit: `u${user}`,
        epoch: stage + 1,
        stage,
        propensity: isCandidate ? share : 1 - share,
        weightsPpm: { control: 1e6 - candidatePpm, candidate: candidatePpm },
        reason: 'SPLIT',
      },
    },
  } as unknown as RequestEvent;
}
