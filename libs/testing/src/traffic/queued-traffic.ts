import { type AllocationCommanded, type Assignment, MILLION } from '#libs/contracts';
import type { RequestEvent } from '#libs/evidence';
import { simulationRandom, type SimulationRandom } from '../random/index.js';
import { simulatedAssignment, simulatedRouted, SIMULATION_START_MS } from './simulated-traffic.js';

/** A machine that carries a service at its limit, and the people who use it. */
export interface Machine {
  /** Most requests under way at once. */
  readonly underWay: number;
  /** Work of a request in the router, which all share, ms. */
  readonly routerMs: number;
  /** Work of a request in the process of its variant, ms: requests wait for each other there. */
  readonly hostMs: number;
  /** Time on a GPU, of which there are enough, ms. */
  readonly gpuMs: number;
  /** How long either process stands still by itself, and how long it usually runs between, ms. */
  readonly stalls: { readonly lastMs: number; readonly everyMs: number };
  /** How much more time on the GPU the candidate takes. Default 1. */
  readonly candidateFactor?: number;
}

type Variant = 'control' | 'candidate';

/** A request or a copy of one, on its way. */
interface Job {
  readonly id: string;
  readonly assignment: Assignment;
  readonly isCopy: boolean;
  readonly startedAtMs: number;
  /** Where it is until `atMs`. */
  readonly at: 'router' | 'gpu' | 'process';
  readonly atMs: number;
}

/** Copies under way at most. */
const COPIES = 16;
/** Typical answer time above which fewer requests are sent at once, ms; and how often that is looked at, in answers. */
const LONGEST_TYPICAL_MS = 160;
const ADJUST_EVERY = 32;
const FEWEST_UNDER_WAY = 8;

/**
 * Traffic of two equal variants whose processes have a queue each. People ask again as soon as they are answered, as many at once as are answered in time; in a shadow
 * requests are copied when they are answered. Two queues that share a closed loop are long by turns, for seconds at a time.
 */
export class QueuedTraffic {
  /** Last the next one that is due. */
  private readonly jobs: Job[] = [];
  private readonly random: SimulationRandom;
  private readonly router: WorkQueue;
  private readonly processes: Readonly<Record<Variant, WorkQueue>>;
  private command: AllocationCommanded | null = null;
  private nowMs = 0;
  private sent = 0;
  private running = 0;
  private copies = 0;
  private answered = 0;
  private typicalMs = 0;
  private allowed = FEWEST_UNDER_WAY;

  constructor(
    seed: number,
    private readonly machine: Machine,
  ) {
    this.random = simulationRandom(seed);
    const process = (own: number): WorkQueue => new WorkQueue(simulationRandom(seed * 7_919 + own), machine.stalls);
    this.router = new WorkQueue(this.random, { lastMs: 0, everyMs: Infinity });
    this.processes = { control: process(1), candidate: process(2) };
  }

  /** Ms since 1970. */
  get atMs(): number {
    return SIMULATION_START_MS + this.nowMs;
  }

  obey(command: AllocationCommanded): void {
    this.command = command;
  }

  /** What is said of the next request or copy that is answered. */
  next(): RequestEvent {
    for (;;) {
      while (this.running < this.allowed) this.send();
      const job = this.jobs.pop() as Job;
      this.nowMs = job.atMs;
      if (job.at === 'process') return this.answer(job);
      this.goOn(job);
    }
  }

  private send(): void {
    this.sent += 1;
    this.running += 1;
    const unit = this.sent;
    const isCandidate = this.random.uniform() < this.candidatePpm() / MILLION;
    const isCopied = this.command?.shadow !== undefined && this.copies < COPIES;
    if (isCopied) this.copies += 1;
    const id = `r${unit}`;
    const assignment = {
      ...this.assignment(isCandidate ? 'candidate' : 'control', `u${unit}`),
      ...(isCopied ? { pair: { request: id, candidate: 'candidate', prompt: id } } : {}),
    };
    const atMs = this.router.take(this.nowMs, this.scattered(this.machine.routerMs));
    this.enter({ id, assignment, isCopy: false, startedAtMs: this.nowMs, at: 'router', atMs });
  }

  private goOn(job: Job): void {
    const variant = job.assignment.variant as Variant;
    if (job.at === 'gpu') {
      const atMs = this.processes[variant].take(this.nowMs, this.scattered(this.machine.hostMs));
      return this.enter({ ...job, at: 'process', atMs });
    }
    const factor = variant === 'candidate' ? (this.machine.candidateFactor ?? 1) : 1;
    const gpuMs = this.machine.gpuMs * factor * Math.exp(0.25 * this.random.normal());
    this.enter({ ...job, at: 'gpu', atMs: this.nowMs + gpuMs });
  }

  private answer(job: Job): RequestEvent {
    const latencyMs = this.nowMs - job.startedAtMs;
    if (job.isCopy) this.copies -= 1;
    else this.makeRoom(latencyMs);
    const { pair, unit } = job.assignment;
    if (pair !== undefined && !job.isCopy) {
      const assignment = { ...this.assignment('candidate', unit), pair };
      const id = `${job.id}-copy`;
      this.enter({ id, assignment, isCopy: true, startedAtMs: this.nowMs, at: 'router', atMs: this.nowMs });
    }
    const { id, assignment, startedAtMs } = job;
    const fate = { isFailed: false, latencyMs, alignment: 0, quality: 0, cost: 0, isScored: false };
    return simulatedRouted({ id, assignment, atMs: SIMULATION_START_MS + startedAtMs, ...fate });
  }

  /** As many are under way as are answered in time (additive increase, multiplicative decrease). */
  private makeRoom(latencyMs: number): void {
    this.running -= 1;
    this.answered += 1;
    this.typicalMs += (latencyMs - this.typicalMs) / Math.min(this.answered, 2 * ADJUST_EVERY);
    if (this.answered % ADJUST_EVERY !== 0) return;
    this.allowed =
      this.typicalMs > LONGEST_TYPICAL_MS
        ? Math.max(FEWEST_UNDER_WAY, Math.floor(this.allowed * 0.85))
        : Math.min(this.machine.underWay, this.allowed + 2);
  }

  private enter(job: Job): void {
    let at = this.jobs.length;
    while (at > 0 && (this.jobs[at - 1] as Job).atMs < job.atMs) at -= 1;
    this.jobs.splice(at, 0, job);
  }

  private scattered(ms: number): number {
    return ms * (0.5 + this.random.uniform());
  }

  private candidatePpm(): number {
    return this.command?.weightsPpm['candidate'] ?? 0;
  }

  private assignment(variant: Variant, unit: string): Assignment {
    const { epoch = 1, stage = 0 } = this.command ?? {};
    return simulatedAssignment({ variant, unit, atMs: this.atMs }, { candidatePpm: this.candidatePpm(), epoch, stage });
  }
}

/** One process: work is done in the order in which it comes, and after a stall when the stall is over. */
class WorkQueue {
  private freeAtMs = 0;
  private stallsAtMs: number;

  constructor(
    private readonly random: SimulationRandom,
    private readonly stalls: Machine['stalls'],
  ) {
    this.stallsAtMs = this.pause();
  }

  /** @returns when work is done that comes at `atMs`; times ascend. */
  take(atMs: number, workMs: number): number {
    let beginsAtMs = Math.max(atMs, this.freeAtMs);
    while (this.stallsAtMs <= beginsAtMs) {
      beginsAtMs = Math.max(beginsAtMs, this.stallsAtMs + this.stalls.lastMs);
      this.stallsAtMs += this.stalls.lastMs + this.pause();
    }
    this.freeAtMs = beginsAtMs + workMs;
    return this.freeAtMs;
  }

  private pause(): number {
    return -this.stalls.everyMs * Math.log(1 - this.random.uniform());
  }
}
