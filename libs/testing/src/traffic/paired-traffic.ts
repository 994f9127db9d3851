import type { Assignment } from '#libs/contracts';
import type { RequestEvent } from '#libs/evidence';
import { simulationRandom, type SimulationRandom } from '../random/index.js';
import {
  type Behaviour,
  simulatedAssignment,
  simulatedCompleted,
  type Fate,
  simulatedRouted,
  simulatedScored,
  type SimulatedRequest,
  SIMULATION_START_MS,
} from './simulated-traffic.js';

/** Events of both sides of one pair. */
export interface SimulatedPair {
  readonly original: readonly RequestEvent[];
  readonly copy: readonly RequestEvent[];
}

/** The part of each value that both sides of a pair have in common, in standard deviations. */
interface Common {
  readonly latency: number;
  readonly alignment: number;
  readonly cost: number;
}

/**
 * Seeded traffic of a service in whose shadow a candidate runs: every request is control's, and some are copied. The laws are those of
 * `SimulatedTraffic`; latency, alignment and cost of a pair's sides correlate, failures and wrong pictures don't.
 */
export class PairedTraffic {
  private readonly random: SimulationRandom;
  private requests = 0;

  constructor(
    seed: number,
    private readonly behaviours: { readonly control?: Behaviour; readonly candidate?: Behaviour } = {},
    private readonly correlation = 0.7,
    private readonly requestsPerSecond = 100,
  ) {
    this.random = simulationRandom(seed);
  }

  /** When the newest request came, ms since 1970. */
  get atMs(): number {
    return SIMULATION_START_MS + (this.requests * 1000) / this.requestsPerSecond;
  }

  /** Events of a request that is not copied. */
  alone(): readonly RequestEvent[] {
    return this.eventsOf(this.request('control', this.drawCommon()));
  }

  /** Events of a request and of its copy. */
  pair(): SimulatedPair {
    const common = this.drawCommon();
    const original = this.request('control', common);
    const pair = { request: original.id, candidate: 'candidate', prompt: `prompt ${original.id}` };
    const copy = this.request('candidate', common, original);
    return {
      original: this.eventsOf({ ...original, assignment: { ...original.assignment, pair } }),
      copy: this.eventsOf({ ...copy, assignment: { ...copy.assignment, pair } }),
    };
  }

  private request(variant: 'control' | 'candidate', common: Common, original?: SimulatedRequest): SimulatedRequest {
    if (original === undefined) this.requests += 1;
    const atMs = original === undefined ? this.atMs : original.atMs + original.latencyMs;
    return {
      id: original === undefined ? `r${this.requests}` : `${original.id}-copy`,
      assignment: this.assignment(variant, atMs),
      atMs,
      ...this.drawFate(this.behaviours[variant] ?? {}, common),
    };
  }

  private assignment(variant: 'control' | 'candidate', atMs: number): Assignment {
    return simulatedAssignment({ variant, unit: `u${this.requests}`, atMs }, { candidatePpm: 0, epoch: 1, stage: 0 });
  }

  private drawCommon(): Common {
    const { random } = this;
    return { latency: random.normal(), alignment: random.normal(), cost: random.normal() };
  }

  private drawFate(behaviour: Behaviour, common: Common): Fate {
    const { random, correlation } = this;
    const near = (shared: number): number =>
      Math.sqrt(correlation) * shared + Math.sqrt(1 - correlation) * random.normal();
    const isFailed = random.uniform() < (behaviour.errorRate ?? 0.01);
    const latencyMs = 800 * Math.exp(0.3 * near(common.latency)) * (behaviour.latencyFactor ?? 1);
    const isWrong = random.uniform() < (behaviour.wrongShare ?? 0);
    const level = isWrong ? 0.18 : (behaviour.alignment ?? 0.3);
    const alignment = level + (behaviour.alignmentSpread ?? 0.035) * near(common.alignment);
    const quality = Math.min(1, (behaviour.quality ?? 0.95) + 0.02 * random.normal());
    const cost = 0.002 * Math.exp(0.15 * near(common.cost)) * (behaviour.costFactor ?? 1);
    const isScored = random.uniform() < (behaviour.coverage ?? 1);
    return { isFailed, latencyMs, alignment, quality, cost, isScored };
  }

  private eventsOf(request: SimulatedRequest): readonly RequestEvent[] {
    const routed = simulatedRouted(request);
    if (request.isFailed) return [routed];
    const completed = simulatedCompleted(request);
    return request.isScored ? [routed, completed, simulatedScored(request)] : [routed, completed];
  }
}
