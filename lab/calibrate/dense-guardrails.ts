import {
  allowBadEvent,
  bet,
  type Betting,
  type BettingDesign,
  betNested,
  discountedRestarts,
  discountedTilt,
  hit,
  hitInWindow,
  initialBetting,
  initialKnownShares,
  initialRestartedTilt,
  initialNestedBetting,
  initialTailFall,
  initialTilt,
  isHardlyBeyond,
  isKnownLess,
  lnEFirstOrLater,
  lnEHarmful,
  lnELessOften,
  lnEMoreOften,
  lnENestedHarmful,
  lnENestedNonInferior,
  lnENestedSuperior,
  lnENonInferior,
  lnERestarted,
  lnKnownRatio,
  noteNewest,
  noteTailFall,
  observeKnown,
  proofWeights,
  propensityAt,
  surelyBeyondFew,
  tailEndLevels,
  type TailEnds,
  type TailFall,
  tailSteepness,
  type Tilt,
  windowAfter,
  nestedBettingDesign,
  type NestedBetting,
  type NestedBettingDesign,
  nestedRanges,
} from '#libs/statistics';
import {
  type Clusters,
  type Episodes,
  initialClusters,
  initialEpisodes,
  isLeftOut,
  noteBadEvent,
  noteForQueues,
  queueMs,
  unlessAwaited,
} from '#libs/evidence';
import type { Request } from './canary-traffic.js';
import { RecentDensePast } from './dense-past.js';
import { LowerTail } from './lower-tail.js';

/** The margins of the guardrails, as in the evidence's simulated experiment. */
export const ERROR_MARGIN = 0.005;
export const LATENCY_MARGIN = 0.1;
export const ALIGNMENT_MARGIN = 0.01;
export const COST_MARGIN = 0.05;
const WRONG_MARGIN = 0.5;
const LATENCY_LEVEL = 0.95;
const WRONG_LEVEL = 0.02;
/** As an experiment has it that says nothing of episodes. */
const EPISODES = 'fifth';
/** Of milliseconds in a log of one partition. */
const QUEUES = { unitMs: 1, partitions: 1 } as const;
const BASELINE_UNITS = 200;
/** Bad units of a variant before it can be proven the worse one. */
const LEAST_BAD_UNITS = 2;

/**
 * What libs/evidence makes of one guardrail on one partition, with one unit per request: the same numbers through the same statistics,
 * without events. All evidence is a ln E against "harmless", "harmful by margin ÷ share" or "no better".
 */
export interface DenseGuardrail {
  readonly metric: string;
  /** Whether there is evidence at all: both variants, a baseline, a limit. */
  readonly isJudged: boolean;
  observe(request: Request): void;
  lnEHarmful(): number;
  /** At the rung's share of the ramp; the last one is 100 %, the margin itself. */
  lnENonInferior(rung: number): number;
  lnESuperior(): number;
}

/** The guardrails of the evidence's simulated experiment. @param shares of the ramp's stages after the first. */
export function denseGuardrails(shares: readonly number[]): readonly DenseGuardrail[] {
  return [
    new ErrorRate(shares),
    new LatencyTail(shares),
    new Mean('alignment', 1, ALIGNMENT_MARGIN, shares),
    new WrongPictures(shares),
    new Mean('cost-per-image', -1, COST_MARGIN, shares),
  ];
}

class ErrorRate implements DenseGuardrail {
  readonly metric = 'error-rate';
  private readonly design: BettingDesign;
  private readonly state: Betting;
  private readonly harmDesign: BettingDesign;
  private readonly harm: Betting;
  /** Failed requests of the candidate among those that harm was judged by. */
  private failedInHarm = 0;
  private readonly episodes: Episodes = initialEpisodes();
  private readonly units = { control: 0, candidate: 0 };
  private readonly failed = { control: 0, candidate: 0 };
  private readonly later = initialRestartedTilt();
  private readonly failedUnits = initialTilt();

  constructor(shares: readonly number[]) {
    const range = { lo: -1, hi: 0, expected: -0.01 };
    const nonInferiorAt = [...shares.map((share) => Math.min(0.5, ERROR_MARGIN / share)), 0];
    this.design = { ...range, harmfulAt: [], nonInferiorAt };
    this.state = initialBetting(this.design);
    this.harmDesign = { ...range, harmfulAt: [ERROR_MARGIN], nonInferiorAt: [] };
    this.harm = initialBetting(this.harmDesign);
  }

  get isJudged(): boolean {
    return this.units.control > 0 && this.units.candidate > 0;
  }

  observe(request: Request): void {
    const { arm, propensity, isFailed } = request;
    if (!isLeftOut(this.episodes, EPISODES, request)) this.observeHarm(request);
    this.units[arm] += 1;
    if (isFailed) {
      this.failed[arm] += 1;
      hit(this.failedUnits, arm, propensity);
    }
    bet(this.state, this.design, arm, propensity, isFailed ? -1 : 0);
  }

  private observeHarm(request: Request): void {
    const { arm, propensity, isFailed } = request;
    const window = windowAfter(this.units.control + this.units.candidate);
    const good = this.units.control - this.failed.control;
    const allowed = (ERROR_MARGIN * (this.units.control + 1)) / (good + 1);
    if (isFailed) hitInWindow(this.later, window, arm, propensity);
    else if (arm === 'control') allowBadEvent(this.later, window, Math.min(1, allowed), propensity);
    bet(this.harm, this.harmDesign, arm, propensity, isFailed ? -1 : 0);
    if (!isFailed) return;
    if (arm === 'candidate') this.failedInHarm += 1;
    noteBadEvent(this.episodes, EPISODES, request);
  }

  lnEHarmful(): number {
    const first = provenByMoreThanOne(lnEHarmful(this.harm, 0), this.failedInHarm);
    return lnEFirstOrLater(unlessAwaited(first, this.failedUnits), lnERestarted(this.later, 0));
  }

  lnENonInferior(rung: number): number {
    // Its share: the margin of a rung is the guardrail's ÷ share.
    const share = ERROR_MARGIN / (this.design.nonInferiorAt[rung] as number);
    return lnENonInferior(this.state, rung, proofWeights(share).bets);
  }

  lnESuperior(): number {
    return provenByMoreThanOne(lnENonInferior(this.state, this.design.nonInferiorAt.length - 1), this.failed.control);
  }
}

/** One failure proves no rate. */
function provenByMoreThanOne(lnE: number, failed: number): number {
  return failed >= LEAST_BAD_UNITS ? lnE : Math.min(0, lnE);
}

/** Place of the boundary of harm among a tail's margins. */
const HARM = 0;

class LatencyTail implements DenseGuardrail {
  readonly metric = 'latency-p95';
  private readonly past = new RecentDensePast(LATENCY_LEVEL);
  /** Harm, the rungs, no margin. */
  private readonly margins: readonly number[];
  private readonly tilts: readonly Tilt[];
  private ends: TailEnds | null = null;
  private readonly fallOfControl = initialTailFall();
  /** The candidate's newest values, without the margin of harm. */
  private readonly newest: number[] = [];
  /** The candidate's at each margin, at that of harm without what episodes leave out. */
  private readonly falls: readonly TailFall[];
  /** The candidate's at that of harm, of all values. */
  private readonly fallOfAll = initialTailFall();
  private readonly later = initialRestartedTilt();
  private readonly episodes: Episodes = initialEpisodes();
  private readonly clusters: Clusters = initialClusters();
  /** Failed requests say nothing of latency. */
  private readonly known = initialKnownShares();
  private requests = 0;

  constructor(private readonly shares: readonly number[]) {
    this.margins = [LATENCY_MARGIN, ...shares.map((share) => LATENCY_MARGIN / share), 0];
    this.tilts = this.margins.map(initialTilt);
    this.falls = this.margins.map(initialTailFall);
  }

  get isJudged(): boolean {
    return this.past.limit !== null;
  }

  observe(request: Request): void {
    const { arm, isCandidate, propensity, isFailed, latencyMs } = request;
    const window = windowAfter(this.requests);
    this.requests += 1;
    const { limit } = this.past;
    if (isFailed) {
      if (limit !== null && isKnownLess(this.known, propensity, arm)) {
        if (!isCandidate) hitInWindow(this.later, window, arm, propensity);
        hit(this.tilts[isCandidate ? this.tilts.length - 1 : HARM] as Tilt, arm, propensity);
      }
      observeKnown(this.known, arm, propensity, false);
      return;
    }
    const isHarmJudged = !isLeftOut(this.episodes, EPISODES, request, queueMs(this.clusters, QUEUES, limit));
    if (!isCandidate) noteForQueues(this.clusters, QUEUES, limit, { value: latencyMs, atMs: request.atMs });
    if (isCandidate) noteNewest(this.newest, latencyMs / (1 + LATENCY_MARGIN));
    if (limit !== null) this.countBeyond(request, window, limit, isHarmJudged);
    observeKnown(this.known, arm, propensity, true);
    if (!isCandidate && this.past.add(latencyMs)) this.ends = this.readEnds();
  }

  private countBeyond(request: Request, window: number, limit: number, isHarmJudged: boolean): void {
    const { arm, isCandidate, propensity, latencyMs } = request;
    const { low, high } = lnKnownRatio(this.known, propensity);
    if (this.ends !== null) {
      if (isCandidate) noteTailFall(this.fallOfAll, this.ends, latencyMs / (1 + LATENCY_MARGIN));
      else noteTailFall(this.fallOfControl, this.ends, latencyMs);
    }
    for (let index = HARM; index < this.margins.length; index++) {
      if (index === HARM && !isHarmJudged) continue;
      const value = isCandidate ? latencyMs / (1 + (this.margins[index] as number)) : latencyMs;
      const isBeyond = value > limit && !(index === HARM && isCandidate && this.isDoubtful(value));
      if (isCandidate && this.ends !== null) noteTailFall(this.falls[index] as TailFall, this.ends, value);
      if (!isBeyond) continue;
      if (index === HARM) {
        const inHarm = propensityAt(propensity, Math.max(0, high));
        hitInWindow(this.later, window, arm, inHarm);
        hit(this.tilts[HARM] as Tilt, arm, inHarm);
        noteBadEvent(this.episodes, EPISODES, request);
        continue;
      }
      const lnRatio = index === this.margins.length - 1 ? Math.min(0, low) : low;
      hit(this.tilts[index] as Tilt, arm, propensityAt(propensity, lnRatio));
    }
  }

  private readEnds(): TailEnds {
    const { past } = this;
    const { low, high, further, surely } = tailEndLevels(LATENCY_LEVEL, past.n);
    return {
      over: past.quantile(LATENCY_LEVEL),
      low: past.quantile(low),
      high: past.quantile(high),
      further: past.quantile(further),
      surely:
        surely === null
          ? surelyBeyondFew(past.quantile(LATENCY_LEVEL), past.quantile(0.5), LATENCY_LEVEL, past.n)
          : past.quantile(surely),
    };
  }

  private isDoubtful(value: number): boolean {
    const { ends, newest } = this;
    if (ends === null) return false;
    const fall = { control: this.fallOfControl, candidate: this.falls[HARM] as TailFall };
    return isHardlyBeyond({ ends, fall }, value, () => newest);
  }

  private steepnessAt(index: number): number {
    return tailSteepness(this.fallOfControl, this.falls[index] as TailFall);
  }

  private tiltAt(index: number): Tilt {
    return discountedTilt(this.tilts[index] as Tilt, this.steepnessAt(index));
  }

  lnEHarmful(): number {
    const steepness = tailSteepness(this.fallOfControl, this.fallOfAll);
    const later = lnERestarted(discountedRestarts(this.later, steepness), 0);
    return lnEFirstOrLater(lnEMoreOften(this.tiltAt(HARM), 0), later);
  }

  lnENonInferior(rung: number): number {
    return lnELessOften(this.tiltAt(rung + 1), 0, proofWeights(this.shares[rung] as number).tilts);
  }

  lnESuperior(): number {
    return lnELessOften(this.tiltAt(this.tilts.length - 1), 0);
  }
}

class WrongPictures implements DenseGuardrail {
  readonly metric = 'wrong-pictures';
  private readonly tail = new LowerTail(WRONG_LEVEL, new RecentDensePast(WRONG_LEVEL));

  constructor(private readonly shares: readonly number[]) {}

  get isJudged(): boolean {
    return this.tail.hasLimit;
  }

  observe({ arm, propensity, isScored, alignment }: Request): void {
    if (isScored) this.tail.observe(arm, propensity, alignment);
  }

  lnEHarmful(): number {
    return this.tail.lnEHarmful(Math.log1p(WRONG_MARGIN));
  }

  lnENonInferior(rung: number): number {
    const share = this.shares[rung] as number;
    return this.tail.lnENonInferior(Math.log1p(WRONG_MARGIN / share), proofWeights(share).tilts);
  }

  lnESuperior(): number {
    return this.tail.lnENonInferior(0);
  }
}

/** Control's first units fix the bounds and the margin; they are not judged, nor is what arrives meanwhile. */
class Mean implements DenseGuardrail {
  private readonly baseline = { n: 0, sum: 0, sumOfSquares: 0 };
  private judged: { readonly design: NestedBettingDesign; readonly state: NestedBetting } | null = null;

  constructor(
    readonly metric: 'alignment' | 'cost-per-image',
    /** 1 where higher is better, −1 where lower is. */
    private readonly sign: 1 | -1,
    private readonly margin: number,
    private readonly shares: readonly number[],
  ) {}

  get isJudged(): boolean {
    return this.judged !== null;
  }

  observe(request: Request): void {
    const value = this.valueOf(request);
    if (value === null) return;
    if (this.judged !== null) {
      betNested(this.judged.state, this.judged.design, request.arm, request.propensity, this.sign * value);
      return;
    }
    if (request.isCandidate) return;
    const { baseline } = this;
    baseline.n += 1;
    baseline.sum += value;
    baseline.sumOfSquares += value * value;
    if (baseline.n === BASELINE_UNITS) this.fix();
  }

  lnEHarmful(): number {
    return this.judged === null ? 0 : lnENestedHarmful(this.judged.state);
  }

  lnENonInferior(rung: number): number {
    return this.judged === null ? 0 : lnENestedNonInferior(this.judged.state, this.judged.design, rung);
  }

  lnESuperior(): number {
    return this.judged === null ? 0 : lnENestedSuperior(this.judged.state, this.judged.design);
  }

  private valueOf({ isScored, isFailed, alignment, cost }: Request): number | null {
    if (this.metric === 'alignment') return isScored ? alignment : null;
    return isFailed ? null : cost;
  }

  private fix(): void {
    const { n, sum, sumOfSquares } = this.baseline;
    const mean = sum / n;
    const margin = this.margin * Math.abs(mean);
    const spread = Math.sqrt(Math.max(0, (sumOfSquares - n * mean * mean) / (n - 1)));
    const limits = this.metric === 'alignment' ? { lo: -1, hi: 1 } : { lo: -Infinity, hi: 0 };
    const ranges = nestedRanges({ mean: this.sign * mean, spread }, margin, { limits });
    const steps = this.shares.map((share) => ({ share, margin: (this.margin / share) * Math.abs(mean) }));
    const design = nestedBettingDesign(ranges, { harmfulAt: margin, steps });
    this.judged = { design, state: initialNestedBetting(design) };
  }
}
