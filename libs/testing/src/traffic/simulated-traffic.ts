import {
  type Assignment,
  type ExperimentDefined,
  type Guardrail,
  type ImageScored,
  isCopy,
  MILLION,
  type TeststripEvent,
} from '#libs/contracts';
import { simulationRandom, type SimulationRandom } from '../random/index.js';
import type { RequestEvent } from '#libs/evidence';

/** How a simulated variant behaves. Defaults are those of a healthy one. */
export interface Behaviour {
  readonly alignment?: number;
  readonly alignmentSpread?: number;
  /** Share of pictures that show something else. */
  readonly wrongShare?: number;
  readonly errorRate?: number;
  readonly latencyFactor?: number;
  readonly costFactor?: number;
  readonly quality?: number;
  /** Share of answered requests whose picture gets a score. */
  readonly coverage?: number;
}

export const SIMULATION_START_MS = Date.UTC(2026, 0, 1);
const SHA = '0'.repeat(64);

/** An experiment with the usual guardrails, `control` against `candidate`. */
export function definition(changes: Partial<ExperimentDefined['spec']> = {}): ExperimentDefined {
  const config = { checkpoint: 'scenes', sampler: 'ddim', steps: 20, precision: 'fp16' };
  return {
    experiment: 'exp',
    revision: 1,
    spec: {
      key: 'exp',
      service: 'text-to-image',
      kind: 'canary',
      unit: 'user',
      control: 'control',
      variants: {
        control: { upstream: 'http://control:8000', config },
        candidate: { upstream: 'http://candidate:8000', config },
      },
      audience: [],
      ramp: {
        kind: 'auto',
        stages: [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000].map((weightPpm) => ({
          weightPpm,
          atLeastMs: 0,
          atLeastUnits: 0,
          approval: 'none' as const,
        })),
      },
      guardrails: [
        guard('error-rate', 'absolute', 0.005),
        guard('latency-p95', 'relative', 0.1),
        guard('alignment', 'relative', 0.01),
        guard('wrong-pictures', 'relative', 0.5),
        guard('cost-per-image', 'relative', 0.05),
      ],
      objectives: [],
      onInconclusive: 'rollback',
      onLostController: 'control',
      lostControllerAfterMs: 30_000,
      holdAtMostMs: 60_000,
      deadlineMs: 86_400_000,
      alpha: 0.05,
      baselineUnits: 200,
      // Its variants are warm from the first request on.
      warmUp: 'off',
      ...changes,
    },
    fingerprints: { control: 'a', candidate: 'b' },
    definedAt: new Date(SIMULATION_START_MS).toISOString(),
    definedBy: 'test',
  };
}

function guard(metric: string, kind: 'relative' | 'absolute', value: number): Guardrail {
  return { metric, margin: { kind, value }, rollbackOn: 'beyond-margin' };
}

/** Seeded traffic: requests one after another, each with all its events. One unit per request unless told otherwise. */
export class SimulatedTraffic {
  private readonly random: SimulationRandom;
  private requests = 0;
  candidateShare = 0.01;
  /** The candidate's real share, as a multiple of the ordered one: other than 1, the split is not what was ordered. */
  drawn = 1;
  epoch = 1;
  stage = 0;
  readonly sent = { control: 0, candidate: 0 };

  constructor(
    seed: number,
    private readonly behaviours: { readonly control?: Behaviour; readonly candidate?: Behaviour } = {},
    private readonly requestsPerSecond = 100,
    /** Users that come back; 0: every request is a new unit. */
    private readonly users = 0,
  ) {
    this.random = simulationRandom(seed);
  }

  rampTo(share: number, stage = this.stage + 1): void {
    this.candidateShare = share;
    this.epoch += 1;
    this.stage = stage;
  }

  /** When the newest request came, ms since 1970. */
  get atMs(): number {
    return SIMULATION_START_MS + (this.requests * 1000) / this.requestsPerSecond;
  }

  /** Goes on after so many requests that other traffic has sent: later, and with units of its own. */
  goOnAfter(requests: number): void {
    this.requests += requests;
  }

  /** Events of the next request. */
  next(): RequestEvent[] {
    this.requests += 1;
    const assignment = this.assign();
    const request: SimulatedRequest = {
      id: `r${this.requests}`,
      assignment,
      atMs: this.atMs,
      ...this.drawFate(this.behaviours[assignment.variant as 'control' | 'candidate'] ?? {}),
    };
    const routed = simulatedRouted(request);
    if (request.isFailed) return [routed];
    const completed = simulatedCompleted(request);
    return request.isScored ? [routed, completed, simulatedScored(request)] : [routed, completed];
  }

  private assign(): Assignment {
    const user = this.users > 0 ? Math.floor(this.random.uniform() * this.users) : this.requests;
    // A returning user keeps its bucket, as under a hash.
    const bucket = this.users > 0 ? simulationRandom(user * 2_654_435).uniform() : this.random.uniform();
    const variant = bucket < this.candidateShare * this.drawn ? 'candidate' : 'control';
    this.sent[variant] += 1;
    const { epoch, stage, atMs } = this;
    const drawn = { variant, unit: `u${user}`, atMs } as const;
    return simulatedAssignment(drawn, { candidatePpm: Math.round(this.candidateShare * 1e6), epoch, stage });
  }

  /** Draws in a fixed order, whatever becomes of the request: so one behaviour leaves the other draws alone. */
  private drawFate(behaviour: Behaviour): Fate {
    const { random } = this;
    const isFailed = random.uniform() < (behaviour.errorRate ?? 0.01);
    const latencyMs = 800 * Math.exp(0.3 * random.normal()) * (behaviour.latencyFactor ?? 1);
    const isWrong = random.uniform() < (behaviour.wrongShare ?? 0);
    const spread = behaviour.alignmentSpread ?? 0.035;
    const alignment = (isWrong ? 0.18 : (behaviour.alignment ?? 0.3)) + spread * random.normal();
    const quality = Math.min(1, (behaviour.quality ?? 0.95) + 0.02 * random.normal());
    const cost = 0.002 * Math.exp(0.15 * random.normal()) * (behaviour.costFactor ?? 1);
    const isScored = random.uniform() < (behaviour.coverage ?? 1);
    return { isFailed, latencyMs, alignment, quality, cost, isScored };
  }
}

/** What becomes of a request. */
export interface Fate {
  readonly isFailed: boolean;
  readonly latencyMs: number;
  readonly alignment: number;
  readonly quality: number;
  readonly cost: number;
  readonly isScored: boolean;
}

export interface SimulatedRequest extends Fate {
  readonly id: string;
  readonly assignment: Assignment;
  readonly atMs: number;
}

/** An assignment of the experiment of {@link definition}. */
export function simulatedAssignment(
  drawn: { readonly variant: 'control' | 'candidate'; readonly unit: string; readonly atMs: number },
  allocation: { readonly candidatePpm: number; readonly epoch: number; readonly stage: number },
): Assignment {
  const { variant, unit, atMs } = drawn;
  const { candidatePpm, epoch, stage } = allocation;
  const weightsPpm = { control: MILLION - candidatePpm, candidate: candidatePpm };
  return {
    experiment: 'exp',
    revision: 1,
    variant,
    control: 'control',
    unit,
    epoch,
    stage,
    propensity: weightsPpm[variant] / MILLION,
    weightsPpm,
    reason: 'SPLIT',
    assignedAt: new Date(atMs).toISOString(),
  };
}

export function simulatedRouted({ id, assignment, atMs, isFailed, latencyMs }: SimulatedRequest): RequestEvent {
  return simulatedEvent('request.routed.v1', atMs + latencyMs, {
    requestId: id,
    service: 'text-to-image',
    assignment,
    upstream: `http://${assignment.variant}:8000`,
    outcome: isFailed ? 'server-error' : 'delivered',
    status: isFailed ? 500 : 200,
    startedAt: new Date(atMs).toISOString(),
    durationMs: isFailed ? null : latencyMs,
    waitedMs: null,
  });
}

export function simulatedCompleted({ id, assignment, atMs, latencyMs, cost }: SimulatedRequest): RequestEvent {
  return simulatedEvent('generation.completed.v1', atMs + latencyMs, {
    requestId: id,
    generationId: id,
    service: 'text-to-image',
    assignment,
    fingerprint: assignment.variant === 'control' ? 'a' : 'b',
    config: { checkpoint: 'scenes', sampler: 'ddim', steps: 20, precision: 'fp16' },
    prompt: 'a small red circle',
    seed: 1,
    outcome: 'delivered',
    error: null,
    timings: { queueMs: 0, inferenceMs: latencyMs, totalMs: latencyMs },
    gpu: { seconds: latencyMs / 1000, utilisation: 0.5, memoryMiB: 1000 },
    cost,
    images: [{ uri: 'file:///x.png', sha256: SHA, format: 'png', width: 64, height: 64, bytes: 100 }],
    shadow: isCopy(assignment),
  });
}

export function simulatedScored({
  id,
  assignment,
  atMs,
  latencyMs,
  alignment,
  quality,
}: SimulatedRequest): RequestEvent {
  return simulatedEvent('image.scored.v1', atMs + latencyMs + 300, {
    requestId: id,
    generationId: id,
    imageIndex: 0,
    service: 'text-to-image',
    assignment,
    image: { uri: 'file:///x.png', sha256: SHA },
    outcome: 'scored',
    reason: null,
    alignment,
    quality: { clean: quality },
    blank: false,
    embedding: null,
    promptTruncated: false,
    identity: { model: 'scenes-clip', digest: SHA, preprocessing: '1', engine: 'test' },
  } satisfies ImageScored);
}

function simulatedEvent<T extends RequestEvent['type']>(
  type: T,
  atMs: number,
  data: TeststripEvent<T>['data'] & { readonly requestId: string; readonly assignment: Assignment },
): RequestEvent {
  return {
    specversion: '1.0',
    id: `${type}/${data.requestId}`,
    source: 'test',
    type,
    time: new Date(atMs).toISOString(),
    subject: data.assignment.unit,
    data,
  } as unknown as RequestEvent;
}
