import type { Arm } from '#libs/statistics';
import type { Behaviour } from '#libs/testing/traffic';
import { simulationRandom, type SimulationRandom } from '#libs/testing/random';

/** When the traffic begins, ms since 1970. */
export const START_MS = Date.UTC(2026, 0, 1);

/** Between two requests, ms. */
const BETWEEN_MS = 10;

/** One request of a canary and what came of it. The same object is filled anew for every request. */
export interface Request {
  isCandidate: boolean;
  arm: Arm;
  /** The candidate's share when the request was assigned. */
  propensity: number;
  /** When it is answered, a hundred coming each second. */
  atMs: number;
  isFailed: boolean;
  /** A failed request has none of the following. */
  latencyMs: number;
  alignment: number;
  cost: number;
  isScored: boolean;
}

/** Where both variants stand at a request, the first being 1: in standard deviations above what is usual, of latency (its logarithm), alignment and cost. */
export type CommonDrift = (request: number) => number;

/**
 * The traffic of the evidence's `SimulatedTraffic`, number by number from the same seeds, one unit per request, without its
 * events. Control is healthy.
 */
export class CanaryTraffic {
  readonly request: Request = {
    isCandidate: false,
    arm: 'control',
    propensity: 0,
    atMs: START_MS,
    isFailed: false,
    latencyMs: 0,
    alignment: 0,
    cost: 0,
    isScored: false,
  };
  /** The candidate's real share, as a multiple of the ordered one. */
  drawn = 1;
  private readonly random: SimulationRandom;
  private requests = 0;

  constructor(
    seed: number,
    private readonly candidate: Behaviour,
    public share: number,
    private readonly drift: CommonDrift = () => 0,
  ) {
    this.random = simulationRandom(seed);
  }

  /** Fills {@link request} with the next request. */
  next(): void {
    const { random, request } = this;
    const drift = this.drift((this.requests += 1));
    request.isCandidate = random.uniform() < this.share * this.drawn;
    request.arm = request.isCandidate ? 'candidate' : 'control';
    request.propensity = this.share;
    const behaviour = request.isCandidate ? this.candidate : HEALTHY;
    request.isFailed = random.uniform() < (behaviour.errorRate ?? 0.01);
    request.latencyMs = 800 * Math.exp(0.3 * (drift + random.normal())) * (behaviour.latencyFactor ?? 1);
    request.atMs = Math.trunc(START_MS + this.requests * BETWEEN_MS + request.latencyMs);
    const isWrong = random.uniform() < (behaviour.wrongShare ?? 0);
    const level = isWrong ? 0.18 : (behaviour.alignment ?? 0.3);
    request.alignment = level + (behaviour.alignmentSpread ?? 0.035) * (drift + random.normal());
    // Quality, which no guardrail looks at.
    random.normal();
    request.cost = 0.002 * Math.exp(0.15 * (drift + random.normal())) * (behaviour.costFactor ?? 1);
    request.isScored = random.uniform() < (behaviour.coverage ?? 1) && !request.isFailed;
  }
}

const HEALTHY: Behaviour = {};
