import {
  bet,
  type Betting,
  type BettingDesign,
  betNested,
  hit,
  initialBetting,
  initialMeanDifference,
  initialNestedBetting,
  initialScoredTilt,
  initialTilt,
  lnEHarmful,
  lnELessOften,
  lnEMoreOften,
  lnENestedHarmful,
  lnENestedNonInferior,
  lnENestedSuperior,
  lnENonInferior,
  lnEShift,
  meanDifference,
  type NestedBetting,
  nestedBettingDesign,
  type NestedBettingDesign,
  nestedRanges,
  observeMean,
  observeScore,
  proofWeights,
  type Tilt,
} from '#libs/statistics';
import type { PeerRule, PeerRun, PeerSituation } from '#lab/peers';
import { DensePast } from './dense-past.js';
import { LowerTail } from './lower-tail.js';
import type { Seen } from './traffic.js';

/** What a method said in one run, and after how many events it said so first; 0: never. */
export interface ContenderVerdict {
  readonly method: string;
  harmfulAt: number;
  nonInferiorAt: number;
}

/**
 * A method in one run. `threshold`: the ln E from which on it rejects, ln(1/α), which is asked for after every event. It is shown every event of it, and looks at its evidence as often as it may.
 */
export interface CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  observe(seen: Seen): void;
}

function verdict(method: string): ContenderVerdict {
  return { method, harmfulAt: 0, nonInferiorAt: 0 };
}

/** Below this share control's events move the evidence by a ninth of what the candidate's do, at most. */
const EVENLY_SHARED = 0.25;
const CONTROL_EVENTS_PER_LOOK = 8;

/** Whether evidence to which every event adds is looked at: always, but at small shares after one in so many events of control. */
function isLookedAt({ isCandidate, propensity, index }: Seen): boolean {
  return isCandidate || propensity >= EVENLY_SHARED || index % CONTROL_EVENTS_PER_LOOK === 0;
}

/** A margin ≥ 0, in the unit of the values, and the name under which its verdicts are counted. */
interface Boundary {
  readonly method: string;
  readonly margin: number;
}

/**
 * Betting on units' first values within nested bounds, as the mean method does, each margin with bets of its own: harm by all bounds together,
 * the proof of the margin, and "better at all" where there is none, within the widest.
 */
export class MeanContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly bets: readonly {
    readonly margin: number;
    readonly design: NestedBettingDesign;
    readonly state: NestedBetting;
  }[];
  private readonly sign: number;

  constructor(
    boundaries: readonly Boundary[],
    /** Control's first units, and the metric's margin, which is the least spread its bounds leave room for. */
    baseline: { readonly mean: number; readonly spread: number; readonly margin: number },
    worse: 'lower' | 'higher',
    private readonly threshold: number,
  ) {
    // Betting takes "higher is better".
    this.sign = worse === 'lower' ? 1 : -1;
    const bounds = nestedRanges({ mean: this.sign * baseline.mean, spread: baseline.spread }, baseline.margin);
    this.bets = boundaries.map(({ margin }) => {
      const design = nestedBettingDesign(bounds, { harmfulAt: margin, steps: [{ share: 1, margin }] });
      return { margin, design, state: initialNestedBetting(design) };
    });
    this.verdicts = boundaries.map(({ method }) => verdict(method));
  }

  observe(seen: Seen): void {
    if (!seen.isFirst) return;
    const isLook = isLookedAt(seen);
    for (let index = 0; index < this.bets.length; index++) {
      const { margin, design, state } = this.bets[index] as (typeof this.bets)[number];
      betNested(state, design, seen.arm, seen.propensity, this.sign * seen.value);
      if (!isLook) continue;
      const said = this.verdicts[index] as ContenderVerdict;
      if (said.harmfulAt === 0 && lnENestedHarmful(state) >= this.threshold) said.harmfulAt = seen.index;
      if (said.nonInferiorAt !== 0) continue;
      const lnE = margin === 0 ? lnENestedSuperior(state, design) : lnENestedNonInferior(state, design, 0);
      if (lnE >= this.threshold) said.nonInferiorAt = seen.index;
    }
  }
}

/** Betting on units' first values of 0 and 1, as the rate method does at absolute margins. */
export class RateContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly state: Betting;
  private readonly design: BettingDesign;

  constructor(
    boundaries: readonly Boundary[],
    expected: number,
    private readonly threshold: number,
  ) {
    const margins = boundaries.map(({ margin }) => margin);
    // Betting takes "higher is better": a bad event is −1.
    this.design = { lo: -1, hi: 0, expected: -expected, harmfulAt: margins, nonInferiorAt: margins };
    this.state = initialBetting(this.design);
    this.verdicts = boundaries.map(({ method }) => verdict(method));
  }

  observe(seen: Seen): void {
    if (!seen.isFirst) return;
    bet(this.state, this.design, seen.arm, seen.propensity, -seen.value);
    if (!isLookedAt(seen)) return;
    for (let index = 0; index < this.verdicts.length; index++) {
      const said = this.verdicts[index] as ContenderVerdict;
      if (said.harmfulAt === 0 && lnEHarmful(this.state, index) >= this.threshold) said.harmfulAt = seen.index;
      const ofProof = this.design.nonInferiorAt[index] === 0 ? undefined : proofWeights(1).bets;
      if (said.nonInferiorAt === 0 && lnENonInferior(this.state, index, ofProof) >= this.threshold) {
        said.nonInferiorAt = seen.index;
      }
    }
  }
}

/** The tilt on each unit's first bad event, as the rate method uses it for relative margins, at several rate ratios. */
export class BadEventContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly state = initialTilt();
  private readonly boundaries: readonly number[];

  constructor(
    boundaries: readonly { readonly method: string; readonly ratio: number }[],
    private readonly threshold: number,
  ) {
    this.verdicts = boundaries.map(({ method }) => verdict(method));
    this.boundaries = boundaries.map(({ ratio }) => Math.log(ratio));
  }

  observe(seen: Seen): void {
    if (!seen.isFirstBad) return;
    hit(this.state, seen.arm, seen.propensity);
    this.boundaries.forEach((boundary, index) => {
      note(this.verdicts[index] as ContenderVerdict, this.state, boundary, this.threshold, seen.index);
    });
  }
}

/** Control's quantile that upper and lower tails are counted beyond. */
const UPPER_TAIL = 0.95;
const LOWER_TAIL = 0.02;

/** The tilt on values beyond control's past p95, the candidate's first divided by 1 + margin, as the upper-tail method does. */
export class UpperTailContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly past = new DensePast(UPPER_TAIL);
  private readonly states: readonly Tilt[];

  constructor(
    private readonly boundaries: readonly { readonly method: string; readonly margin: number }[],
    private readonly threshold: number,
  ) {
    this.verdicts = boundaries.map(({ method }) => verdict(method));
    this.states = boundaries.map(initialTilt);
  }

  observe(seen: Seen): void {
    if (!seen.isFirst) return;
    const { limit } = this.past;
    if (limit !== null) {
      for (let index = 0; index < this.boundaries.length; index++) {
        const margin = (this.boundaries[index] as { readonly margin: number }).margin;
        if ((seen.isCandidate ? seen.value / (1 + margin) : seen.value) <= limit) continue;
        const state = this.states[index] as Tilt;
        hit(state, seen.arm, seen.propensity);
        note(this.verdicts[index] as ContenderVerdict, state, 0, this.threshold, seen.index);
      }
    }
    if (!seen.isCandidate) this.past.add(seen.value);
  }
}

/** The tilts on values below control's past p2 and far below it, as the lower-tail method does, at several rate ratios. */
export class LowerTailContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly tail = new LowerTail(LOWER_TAIL, new DensePast(LOWER_TAIL));
  private readonly boundaries: readonly number[];

  constructor(
    boundaries: readonly { readonly method: string; readonly ratio: number }[],
    private readonly threshold: number,
  ) {
    this.verdicts = boundaries.map(({ method }) => verdict(method));
    this.boundaries = boundaries.map(({ ratio }) => Math.log(ratio));
  }

  observe({ isFirst, arm, propensity, value, index }: Seen): void {
    if (!isFirst || !this.tail.observe(arm, propensity, value)) return;
    this.boundaries.forEach((boundary, at) => {
      const said = this.verdicts[at] as ContenderVerdict;
      if (said.harmfulAt === 0 && this.tail.lnEHarmful(boundary) >= this.threshold) said.harmfulAt = index;
      const ofProof = boundary === 0 ? undefined : proofWeights(1).tilts;
      if (said.nonInferiorAt === 0 && this.tail.lnENonInferior(boundary, ofProof) >= this.threshold)
        said.nonInferiorAt = index;
    });
  }
}

/** The scored tilt on mid-ranks among the baseline: tests that both laws are equal. Says "harmful" for any shift. */
export class ShiftContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly state = initialScoredTilt();

  constructor(
    method: string,
    /** Ascending. */
    private readonly baseline: Float64Array,
    private readonly threshold: number,
  ) {
    this.verdicts = [verdict(method)];
  }

  observe(seen: Seen): void {
    const [said] = this.verdicts as readonly [ContenderVerdict];
    if (!seen.isFirst || said.harmfulAt !== 0) return;
    const below = countBelow(this.baseline, seen.value, false);
    const upTo = countBelow(this.baseline, seen.value, true);
    observeScore(this.state, seen.arm, seen.propensity, (below + upTo) / this.baseline.length - 1);
    if (isLookedAt(seen) && lnEShift(this.state, 'either') >= this.threshold) said.harmfulAt = seen.index;
  }
}

/** Units between two looks at an interval that is only shown. */
const SHOWN_EVERY = 50;

/**
 * The asymptotic interval that reports show for a difference of means. It decides nothing; here an interval that lies wholly on the
 * bad side of the truth counts as "harmful", one wholly on the good side as "non-inferior".
 */
export class ShownIntervalContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly state = initialMeanDifference();
  private units = 0;

  constructor(
    method: string,
    /** The true difference candidate − control. */
    private readonly truth: number,
    private readonly worse: 'lower' | 'higher',
    private readonly alpha: number,
  ) {
    this.verdicts = [verdict(method)];
  }

  observe(seen: Seen): void {
    if (!seen.isFirst) return;
    observeMean(this.state, seen.arm, seen.propensity, seen.value);
    this.units += 1;
    if (this.units % SHOWN_EVERY !== 0) return;
    const { interval } = meanDifference(this.state, this.alpha);
    if (interval === null) return;
    const [said] = this.verdicts as readonly [ContenderVerdict];
    const isAbove = interval.low > this.truth;
    const isBelow = interval.high < this.truth;
    const isWorse = this.worse === 'higher' ? isAbove : isBelow;
    if (said.harmfulAt === 0 && isWorse) said.harmfulAt = seen.index;
    if (said.nonInferiorAt === 0 && (isAbove || isBelow) && !isWorse) said.nonInferiorAt = seen.index;
  }
}

/** Another system's rule, asked at its own interval, every event being a unit of its own. It acts once: its first decision stands. */
export class PeerContender implements CalibratedContender {
  readonly verdicts: readonly ContenderVerdict[];
  private readonly run: PeerRun;
  private units = 0;

  constructor(
    method: string,
    private readonly rule: PeerRule,
    situation: PeerSituation,
  ) {
    this.verdicts = [verdict(method)];
    this.run = rule.start(situation);
  }

  observe(seen: Seen): void {
    const [said] = this.verdicts as readonly [ContenderVerdict];
    if (said.harmfulAt !== 0 || said.nonInferiorAt !== 0) return;
    this.run.observe(seen.isCandidate, seen.value);
    this.units += 1;
    if (this.rule.everyUnits !== null && this.units % this.rule.everyUnits !== 0) return;
    const decision = this.run.decide();
    if (decision === 'rollback') said.harmfulAt = seen.index;
    if (decision === 'promote') said.nonInferiorAt = seen.index;
  }
}

/** Many parameters because it is called per event, of millions of simulated ones. */
function note(said: ContenderVerdict, state: Tilt, boundary: number, threshold: number, index: number): void {
  if (said.harmfulAt === 0 && lnEMoreOften(state, boundary) >= threshold) said.harmfulAt = index;
  if (said.nonInferiorAt !== 0) return;
  const ofProof = boundary === 0 ? undefined : proofWeights(1).tilts;
  if (lnELessOften(state, boundary, ofProof) >= threshold) said.nonInferiorAt = index;
}

/** How many of the ascending values are below `value`, or at most `value`. */
function countBelow(values: Float64Array, value: number, isInclusive: boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = values[middle] as number;
    if (at < value || (isInclusive && at === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
