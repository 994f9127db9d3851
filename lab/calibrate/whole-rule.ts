import {
  bet,
  type Betting,
  type BettingDesign,
  BOLD_WEIGHTS,
  hit,
  initialBetting,
  initialTilt,
  lnEHarmful,
  lnELessOften,
  lnEMoreOften,
  lnENonInferior,
  rejects,
  type Tilt,
  usualRange,
} from '#libs/statistics';
import type { Behaviour } from '../../libs/evidence/test/simulated-traffic.js';
import { type PeerRule, peerRules } from '#lab/peers';
import { DensePast } from './dense-past.js';
import { LowerTail } from './lower-tail.js';
import { CanaryTraffic, type Request } from './canary-traffic.js';

/** The candidates that the whole rule is played with, as a table names them. */
export const candidates: Readonly<Record<string, Behaviour>> = {
  identical: {},
  '20 % cheaper': { costFactor: 0.8 },
  'alignment −1 % (the margin)': { alignment: 0.297 },
  'alignment −3.3 %': { alignment: 0.29 },
  'alignment −10 %': { alignment: 0.27 },
  '5 % of the pictures wrong': { wrongShare: 0.05 },
  '20 % of the pictures wrong': { wrongShare: 0.2 },
  'latency +30 %': { latencyFactor: 1.3 },
  'latency × 2': { latencyFactor: 2 },
  'errors 2.5 %': { errorRate: 0.025 },
  'errors 3 %': { errorRate: 0.03 },
  'errors 10 %': { errorRate: 0.1 },
  'cost +15 %': { costFactor: 1.15 },
};

/** As a canary ends. Requests and exposure are counted until the decision, or over the whole run. */
export interface Ending {
  readonly outcome: 'promoted' | 'rolled-back' | 'undecided';
  readonly metric: string | null;
  readonly requests: number;
  /** Requests the candidate answered. */
  readonly exposed: number;
}

export interface Canary {
  readonly seed: number;
  /** The candidate's share at the start. */
  readonly fromPpm: number;
  readonly candidate: Behaviour;
}

export const MOST_REQUESTS = 80_000;

const ALPHA = 0.05;
const LADDER_PPM: readonly number[] = [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];
/** The margins of the guardrails, as in the evidence's simulated experiment. */
const ERROR_MARGIN = 0.005;
const LATENCY_MARGIN = 0.1;
const ALIGNMENT_MARGIN = 0.01;
const WRONG_MARGIN = 0.5;
const COST_MARGIN = 0.05;
const BASELINE_UNITS = 200;
/** While the share is small every answer of the candidate is looked at, otherwise every so many requests. */
const SMALL_SHARE = 0.1;
const REQUESTS_BETWEEN_LOOKS = 80;

/**
 * Plays one canary by the whole rule: harm rolls back, the share rises to the largest rung of the ladder whose damage budget every
 * guardrail has proven, proof at 100 % promotes.
 *
 * The same traffic, statistics and looks as `playWholeRule` of the evidence's tests on a single partition, and the same
 * ending (the calibration's spec compares them), without building events: some fifty times as fast.
 */
export function playWholeRule({ seed, fromPpm, candidate }: Canary): Ending {
  const shares = LADDER_PPM.filter((ppm) => ppm > fromPpm).map((ppm) => ppm / 1e6);
  const traffic = new CanaryTraffic(seed, candidate, fromPpm / 1e6);
  const { request } = traffic;
  const guardrails: readonly Guardrail[] = [
    new ErrorRate(shares),
    new LatencyTail(shares),
    new Mean('alignment', 1, ALIGNMENT_MARGIN, shares, ({ isScored, alignment }) => (isScored ? alignment : null)),
    new WrongPictures(shares),
    new Mean('cost-per-image', -1, COST_MARGIN, shares, ({ isFailed, cost }) => (isFailed ? null : cost)),
  ];
  let sinceLook = 0;
  let exposed = 0;
  for (let requests = 1; requests <= MOST_REQUESTS; requests++) {
    traffic.next();
    if (request.isCandidate) exposed += 1;
    for (const guardrail of guardrails) guardrail.observe(request);
    sinceLook += 1;
    if (sinceLook < REQUESTS_BETWEEN_LOOKS && !(request.isCandidate && traffic.share < SMALL_SHARE)) continue;
    sinceLook = 0;
    const harmful = guardrails.find((guardrail) => guardrail.isHarmful());
    if (harmful) return { outcome: 'rolled-back', metric: harmful.metric, requests, exposed };
    for (let rung = shares.length - 1; rung >= 0; rung--) {
      const share = shares[rung] as number;
      if (share <= traffic.share) break;
      if (!guardrails.every((guardrail) => guardrail.isProven(rung))) continue;
      if (share === 1) return { outcome: 'promoted', metric: null, requests, exposed };
      traffic.share = share;
      break;
    }
  }
  return { outcome: 'undecided', metric: null, requests: MOST_REQUESTS, exposed };
}

/**
 * What each peer's rule makes of the same requests at a constant share: one run of the rule per guardrail that is a mean (errors, latency,
 * alignment, cost); the first rollback of any rolls back, promotion takes the promotion of all.
 */
export function playPeers({ seed, fromPpm, candidate }: Canary): ReadonlyMap<string, Ending> {
  const share = fromPpm / 1e6;
  const traffic = new CanaryTraffic(seed, candidate, share);
  const { request } = traffic;
  const canaries = peerRules.map((rule) => new PeerCanary(rule, share));
  let exposed = 0;
  for (let requests = 1; requests <= MOST_REQUESTS && canaries.some(({ ending }) => ending === null); requests++) {
    traffic.next();
    if (request.isCandidate) exposed += 1;
    for (const canary of canaries) canary.observe(request, requests, exposed);
  }
  const undecided: Ending = { outcome: 'undecided', metric: null, requests: MOST_REQUESTS, exposed };
  return new Map(canaries.map(({ name, ending }) => [name, ending ?? undecided]));
}

interface Guardrail {
  readonly metric: string;
  observe(request: Request): void;
  isHarmful(): boolean;
  /** Whether harm of margin ÷ share is excluded, for the rung's share. */
  isProven(rung: number): boolean;
}

class ErrorRate implements Guardrail {
  readonly metric = 'error-rate';
  private readonly design: BettingDesign;
  private readonly state: Betting;
  private readonly units = { control: 0, candidate: 0 };
  private failedOfCandidate = 0;

  constructor(shares: readonly number[]) {
    this.design = {
      lo: -1,
      hi: 0,
      expected: -0.01,
      harmfulAt: [ERROR_MARGIN],
      nonInferiorAt: shares.map((share) => Math.min(0.5, ERROR_MARGIN / share)),
    };
    this.state = initialBetting(this.design);
  }

  observe({ arm, propensity, isFailed }: Request): void {
    this.units[arm] += 1;
    if (arm === 'candidate' && isFailed) this.failedOfCandidate += 1;
    bet(this.state, this.design, arm, propensity, isFailed ? -1 : 0);
  }

  isHarmful(): boolean {
    // One failure proves no rate.
    return this.failedOfCandidate >= 2 && this.hasBoth() && rejects(lnEHarmful(this.state, 0), ALPHA);
  }

  isProven(rung: number): boolean {
    return this.hasBoth() && rejects(lnENonInferior(this.state, rung), ALPHA);
  }

  private hasBoth(): boolean {
    return this.units.control > 0 && this.units.candidate > 0;
  }
}

class LatencyTail implements Guardrail {
  readonly metric = 'latency-p95';
  private readonly past = new DensePast(0.95);
  private readonly margins: readonly number[];
  private readonly tilts: readonly Tilt[];

  constructor(shares: readonly number[]) {
    this.margins = [LATENCY_MARGIN, ...shares.map((share) => LATENCY_MARGIN / share)];
    this.tilts = this.margins.map(initialTilt);
  }

  observe({ arm, isCandidate, propensity, isFailed, latencyMs }: Request): void {
    if (isFailed) return;
    const { limit } = this.past;
    if (limit !== null) {
      for (let index = 0; index < this.margins.length; index++) {
        const value = isCandidate ? latencyMs / (1 + (this.margins[index] as number)) : latencyMs;
        if (value > limit) hit(this.tilts[index] as Tilt, arm, propensity);
      }
    }
    if (!isCandidate) this.past.add(latencyMs);
  }

  isHarmful(): boolean {
    return this.past.limit !== null && rejects(lnEMoreOften(this.tilts[0] as Tilt, 0), ALPHA);
  }

  isProven(rung: number): boolean {
    return this.past.limit !== null && rejects(lnELessOften(this.tilts[rung + 1] as Tilt, 0), ALPHA);
  }
}

class WrongPictures implements Guardrail {
  readonly metric = 'wrong-pictures';
  private readonly tail = new LowerTail(0.02);

  constructor(private readonly shares: readonly number[]) {}

  observe({ arm, propensity, isScored, alignment }: Request): void {
    if (isScored) this.tail.observe(arm, propensity, alignment);
  }

  isHarmful(): boolean {
    return this.tail.hasLimit && rejects(this.tail.lnEHarmful(Math.log1p(WRONG_MARGIN)), ALPHA);
  }

  isProven(rung: number): boolean {
    const boundary = Math.log1p(WRONG_MARGIN / (this.shares[rung] as number));
    return this.tail.hasLimit && rejects(this.tail.lnENonInferior(boundary), ALPHA);
  }
}

/** Control's first units fix the bounds and the margin; they are not judged, nor is what arrives meanwhile. */
class Mean implements Guardrail {
  private readonly baseline = { n: 0, sum: 0, sumOfSquares: 0 };
  private judged: { readonly design: BettingDesign; readonly state: Betting } | null = null;

  constructor(
    readonly metric: string,
    /** 1 where higher is better, −1 where lower is. */
    private readonly sign: 1 | -1,
    private readonly margin: number,
    private readonly shares: readonly number[],
    private readonly valueOf: (request: Request) => number | null,
  ) {}

  observe(request: Request): void {
    const value = this.valueOf(request);
    if (value === null) return;
    if (this.judged !== null) {
      bet(this.judged.state, this.judged.design, request.arm, request.propensity, this.sign * value);
      return;
    }
    if (request.isCandidate) return;
    const { baseline } = this;
    baseline.n += 1;
    baseline.sum += value;
    baseline.sumOfSquares += value * value;
    if (baseline.n === BASELINE_UNITS) this.fix();
  }

  isHarmful(): boolean {
    return this.judged !== null && rejects(lnEHarmful(this.judged.state, 0, BOLD_WEIGHTS), ALPHA);
  }

  isProven(rung: number): boolean {
    return this.judged !== null && rejects(lnENonInferior(this.judged.state, rung), ALPHA);
  }

  private fix(): void {
    const { n, sum, sumOfSquares } = this.baseline;
    const mean = sum / n;
    const margin = this.margin * Math.abs(mean);
    const spread = Math.sqrt(Math.max(0, (sumOfSquares - n * mean * mean) / (n - 1)));
    const { lo, hi, widening } = usualRange({ mean, spread }, margin);
    const half = (hi - lo) / 2;
    const design: BettingDesign = {
      lo: this.sign === 1 ? lo : -hi,
      hi: this.sign === 1 ? hi : -lo,
      expected: this.sign * mean,
      harmfulAt: [margin],
      nonInferiorAt: this.shares.map((share) => Math.min(half, (this.margin / share) * Math.abs(mean))),
      widening,
    };
    this.judged = { design, state: initialBetting(design) };
  }
}

/** The mean of the healthy variant's values, which makes relative margins absolute for rules that want them so. */
const MEAN_LATENCY_MS = 800 * Math.exp(0.3 ** 2 / 2);
const MEAN_COST = 0.002 * Math.exp(0.15 ** 2 / 2);

/** One peer's rule over the guardrails that it can judge. */
class PeerCanary {
  ending: Ending | null = null;
  readonly name: string;
  private readonly guards;

  constructor(
    private readonly rule: PeerRule,
    share: number,
  ) {
    this.name = rule.name;
    const guard = (
      metric: string,
      worse: 'lower' | 'higher',
      margin: number,
      valueOf: (request: Request) => number | null,
    ) => ({
      metric,
      valueOf,
      run: rule.start({ share, margin, worse, alpha: ALPHA }),
      units: 0,
      isPromoted: false,
    });
    this.guards = [
      guard('error-rate', 'higher', ERROR_MARGIN, ({ isFailed }) => (isFailed ? 1 : 0)),
      guard('latency', 'higher', LATENCY_MARGIN * MEAN_LATENCY_MS, ({ isFailed, latencyMs }) =>
        isFailed ? null : latencyMs,
      ),
      guard('alignment', 'lower', ALIGNMENT_MARGIN * 0.3, ({ isScored, alignment }) => (isScored ? alignment : null)),
      guard('cost-per-image', 'higher', COST_MARGIN * MEAN_COST, ({ isFailed, cost }) => (isFailed ? null : cost)),
    ];
  }

  observe(request: Request, requests: number, exposed: number): void {
    if (this.ending !== null) return;
    for (const guard of this.guards) {
      if (guard.isPromoted) continue;
      const value = guard.valueOf(request);
      if (value === null) continue;
      guard.run.observe(request.isCandidate, value);
      guard.units += 1;
      if (this.rule.everyUnits !== null && guard.units % this.rule.everyUnits !== 0) continue;
      const decision = guard.run.decide();
      if (decision === 'rollback') {
        this.ending = { outcome: 'rolled-back', metric: guard.metric, requests, exposed };
        return;
      }
      if (decision === 'promote') guard.isPromoted = true;
    }
    if (this.guards.every(({ isPromoted }) => isPromoted)) {
      this.ending = { outcome: 'promoted', metric: null, requests, exposed };
    }
  }
}
