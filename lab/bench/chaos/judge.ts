import { bucketOf, hashUnit, layoutOf, salts, variantOf } from '#libs/assignment';
import { MILLION } from '#libs/contracts';
import { quantileOfSorted } from '../parts.js';

/** One request as its client saw it; times in milliseconds since the epoch. */
export interface AskedRequest {
  readonly unit: string;
  /** When it was due: the load does not wait for answers. */
  readonly dueAtMs: number;
  readonly sentAtMs: number;
  readonly doneAtMs: number;
  /** Which router it went to; null where none was up. */
  readonly router: number | null;
  readonly status: number | null;
  /** Who answered, as the upstream itself says. */
  readonly answeredBy: string | null;
  /** What the router says of it. */
  readonly assigned: { readonly revision: number; readonly variant: string } | null;
  /** Why there was no answer. */
  readonly failure: string | null;
}

/** From then on the candidate may have at most this share, until the next bound. */
export interface ShareBound {
  readonly fromMs: number;
  readonly atMostPpm: number;
}

/** When a router was killed, and when it was known to be gone. */
export interface RouterDeath {
  readonly router: number;
  readonly killedAtMs: number;
  readonly goneAtMs: number;
}

export interface ChaosCourse {
  readonly experiment: string;
  readonly bounds: readonly ShareBound[];
  readonly deaths: readonly RouterDeath[];
}

/**
 * `in-flight`: lost in a router that was killed. `above`: answered by the candidate although the unit is outside of the largest share in force,
 * or not by the variant that the router names.
 */
export type RequestVerdict = 'ok' | 'in-flight' | 'failed' | 'above';

/** A client that is busy writes to a connection for a moment after the other side has died. */
const SEEN_WITHIN_MS = 250;

export function judgeRequest(request: AskedRequest, course: ChaosCourse): RequestVerdict {
  if (request.failure !== null) return wasInFlight(request, course.deaths) ? 'in-flight' : 'failed';
  if (request.status !== 200) return 'failed';
  return isAllowed(request, course) ? 'ok' : 'above';
}

function wasInFlight({ router, sentAtMs, doneAtMs }: AskedRequest, deaths: readonly RouterDeath[]): boolean {
  return deaths.some(
    (death) => death.router === router && doneAtMs >= death.killedAtMs && sentAtMs <= death.goneAtMs + SEEN_WITHIN_MS,
  );
}

function isAllowed({ answeredBy, assigned, unit, sentAtMs }: AskedRequest, course: ChaosCourse): boolean {
  if (assigned !== null && assigned.variant !== answeredBy) return false;
  if (answeredBy !== 'candidate') return answeredBy === 'control';
  const atMostPpm = course.bounds.findLast(({ fromMs }) => fromMs <= sentAtMs)?.atMostPpm ?? 0;
  if (assigned === null || atMostPpm === 0) return false;
  const weights = { control: MILLION - atMostPpm, candidate: atMostPpm };
  const layout = layoutOf('control', ['control', 'candidate'], weights);
  return variantOf(layout, bucketOf(hashUnit(salts.arm(course.experiment, assigned.revision), unit))) === 'candidate';
}

/** What one phase of the run came to. */
export interface PhaseFigures {
  readonly requests: number;
  readonly perSecond: number;
  readonly inFlight: number;
  readonly failed: number;
  readonly above: number;
  /** Of the answers, 0–1. */
  readonly candidateShare: number;
  /** From when it was due to its answer, milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Up to three different reasons of failures. */
  readonly reasons: readonly string[];
}

export function phaseFigures(requests: readonly AskedRequest[], course: ChaosCourse, lastedMs: number): PhaseFigures {
  const verdicts = requests.map((request) => judgeRequest(request, course));
  const count = (wanted: RequestVerdict): number => verdicts.filter((verdict) => verdict === wanted).length;
  const answered = requests.filter(({ status }) => status === 200);
  const latenciesMs = answered.map(({ dueAtMs, doneAtMs }) => doneAtMs - dueAtMs).sort((left, right) => left - right);
  const reasons = requests
    .filter((_request, index) => verdicts[index] === 'failed')
    .map(({ status, failure, router }) => `${failure ?? status} at router ${router}`);
  return {
    requests: requests.length,
    perSecond: (answered.length / lastedMs) * 1000,
    inFlight: count('in-flight'),
    failed: count('failed'),
    above: count('above'),
    candidateShare: answered.filter(({ answeredBy }) => answeredBy === 'candidate').length / answered.length,
    p50Ms: quantileOfSorted(latenciesMs, 0.5),
    p99Ms: quantileOfSorted(latenciesMs, 0.99),
    reasons: [...new Set(reasons)].slice(0, 3),
  };
}
