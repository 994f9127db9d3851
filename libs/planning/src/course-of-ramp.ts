import { armSampler, type ArmSampler } from './arm-sampler.js';
import { expectMetric, expectNumber, type PlannedMetric } from './planned-metric.js';
import { binomial, type RandomStream, randomStream } from './random-stream.js';
import { spreadOfRuns, type SpreadOfRuns } from './spread-of-runs.js';
import { isRejected, nextLook } from './stopping-units.js';
import { largestMargin, unitLaw, type UnitLaw } from './unit-law.js';

const MILLION = 1_000_000;
const DEFAULT_RUNS = 100;
const DEFAULT_SEED = 1;
const DEFAULT_BASELINE_UNITS = 200;
const DEFAULT_MOST_UNITS = 1_000_000;

export interface PlannedGuardrail {
  readonly name: string;
  readonly metric: PlannedMetric;
  /** Above 0, in the metric's scale of effects. */
  readonly margin: number;
  /** How much worse the candidate is supposed to be; default 0, an equal one. */
  readonly effect?: number;
}

export interface RampQuestion {
  readonly guardrails: readonly PlannedGuardrail[];
  /** The candidate's shares in parts per million, rising; 100 % is always the last, and promotion. */
  readonly ladderPpm: readonly number[];
  readonly alpha: number;
  /** Units of both variants per hour: one number, or one per rung below 100 %. For the hours only. */
  readonly unitsPerHour?: number | readonly number[];
  /** Control units before a mean has its baseline and is judged; default 200. */
  readonly baselineUnits?: number;
  /** A run that is undecided by then is left undecided; default a million. */
  readonly mostUnits?: number;
  readonly seed?: number;
  readonly runs?: number;
}

/** Units of both variants and of the candidate alone until something happens, and hours where the traffic is known. */
export interface CourseUntil {
  readonly units: SpreadOfRuns;
  readonly candidateUnits: SpreadOfRuns;
  readonly hours: SpreadOfRuns | null;
}

export interface RungOfCourse {
  readonly sharePpm: number;
  /** Share of the runs that spent any unit here: the ramp may skip rungs. */
  readonly reached: number;
  /** What the runs that came here spent here. */
  readonly units: SpreadOfRuns;
  readonly candidateUnits: SpreadOfRuns;
}

export type RampCourse =
  | {
      readonly missing: null;
      /** Shares of the runs, and the largest standard error of such a share. */
      readonly promoted: number;
      readonly rolledBack: number;
      readonly undecided: number;
      readonly standardError: number;
      /** Of the runs that ended so; null where none did. */
      readonly untilPromotion: CourseUntil | null;
      readonly untilRollback: CourseUntil | null;
      /** How often each guardrail was the one that rolled back, as a share of all runs. */
      readonly rolledBackBy: Readonly<Record<string, number>>;
      readonly rungs: readonly RungOfCourse[];
    }
  | { readonly missing: RampRefusal; readonly guardrail: string };

/**
 * Why a guardrail has no course.
 * - `margin-is-zero`: without a margin nothing is ever proven non-inferior of an equal candidate, so no ramp ends.
 * - `margin-beyond-range`: more than half of the metric's range, which no test reaches.
 * - `effect-at-margin`: exactly at the margin neither harm nor its absence is proven.
 * - `no-events`: neither variant ever has an event, and only events are counted.
 */
export type RampRefusal = 'margin-is-zero' | 'margin-beyond-range' | 'effect-at-margin' | 'no-events';

/**
 * The expected course of a ramp under the damage budget: any guardrail's proven harm beyond its margin rolls back; the share rises
 * to the largest rung w at which every guardrail has excluded harm of margin ÷ w; exclusion of the margins themselves promotes. Simulated
 * with the increments of the deciding e-processes, repeatable by `seed`. The evidence is looked at whenever the units have grown
 * by 1 %, so events are dated up to that late.
 *
 * Source of tolerated risk = effect × share: Xu, Duan, Huang, SQR, KDD 2018 (arXiv 1801.08532).
 * Assumptions: the metrics' laws as described there, guardrails independent of each other, one unit per request, no drift, no least
 * time per rung. Tails are judged from the first unit on, though in use the first 20 of control fix a limit.
 * O(runs · rungs · ln(mostUnits) · 100 · guardrails · rungs' components).
 */
export function courseOfRamp(question: RampQuestion): RampCourse {
  const { guardrails, alpha, runs = DEFAULT_RUNS, seed = DEFAULT_SEED } = question;
  const ladder = expectRamp(question);
  for (const guardrail of guardrails) {
    const missing = refusalOf(guardrail);
    if (missing !== null) return { missing, guardrail: guardrail.name };
  }
  const ramp: Ramp = {
    shares: ladder.map((ppm) => ppm / MILLION),
    stages: ladder.map((ppm) => guardrails.map((guardrail) => judged(guardrail, ppm / MILLION, ladder))),
    threshold: -Math.log(alpha),
    baselineUnits: question.baselineUnits ?? DEFAULT_BASELINE_UNITS,
    mostUnits: question.mostUnits ?? DEFAULT_MOST_UNITS,
  };
  const ended = Array.from({ length: runs }, (_, run) => play(ramp, randomStream(seed, run)));
  return courseOf(ended, question, ladder);
}

interface Judged {
  readonly law: UnitLaw;
  readonly sample: { readonly control: ArmSampler; readonly candidate: ArmSampler };
  readonly needsBaseline: boolean;
}

interface Ramp {
  readonly shares: readonly number[];
  /** Rung by rung, guardrail by guardrail. */
  readonly stages: readonly (readonly Judged[])[];
  readonly threshold: number;
  readonly baselineUnits: number;
  readonly mostUnits: number;
}

interface Ended {
  readonly outcome: 'promoted' | 'rolled-back' | 'undecided';
  /** Index of the harmful guardrail. */
  readonly by: number | null;
  /** Per rung. */
  readonly units: readonly number[];
  readonly candidateUnits: readonly number[];
}

/** Tests of a guardrail: harm first, then one exclusion per target of the ramp: the later rungs, and 100 %. */
function judged({ metric, margin, effect = 0 }: PlannedGuardrail, share: number, ladder: readonly number[]): Judged {
  const targets = [...ladder.slice(1).map((ppm) => ppm / MILLION), 1];
  const law = unitLaw(metric, effect, share, {
    margin,
    harmfulAt: [margin],
    nonInferiorAt: targets.map((target) => Math.min(margin / target, largestMargin(metric, margin))),
  });
  return {
    law,
    sample: { control: armSampler(law.arms.control), candidate: armSampler(law.arms.candidate) },
    needsBaseline: metric.kind === 'mean',
  };
}

function play({ shares, stages, threshold, baselineUnits, mostUnits }: Ramp, random: RandomStream): Ended {
  const units = shares.map(() => 0);
  const candidateUnits = shares.map(() => 0);
  const sums = (stages[0] as readonly Judged[]).map(({ law }) => new Float64Array(law.tests * law.perTest));
  let rung = 0;
  let all = 0;
  let ofControlSoFar = 0;
  while (all < mostUnits) {
    const more = nextLook(all);
    const stage = stages[rung] as readonly Judged[];
    const ofCandidate = binomial(random, more, shares[rung] as number);
    const hasBaseline = ofControlSoFar >= baselineUnits;
    all += more;
    ofControlSoFar += more - ofCandidate;
    units[rung] = (units[rung] as number) + more;
    candidateUnits[rung] = (candidateUnits[rung] as number) + ofCandidate;
    stage.forEach(({ sample, needsBaseline }, index) => {
      if (needsBaseline && !hasBaseline) return;
      sample.candidate(sums[index] as Float64Array, ofCandidate, random);
      sample.control(sums[index] as Float64Array, more - ofCandidate, random);
    });
    const isProven = (index: number, test: number): boolean =>
      isRejected(sums[index] as Float64Array, (stage[index] as Judged).law, test, threshold);
    const by = stage.findIndex((_, index) => isProven(index, 0));
    if (by >= 0) return { outcome: 'rolled-back', by, units, candidateUnits };
    // Target t of the ramp is rung t + 1, test t + 1; beyond the last rung it is promotion.
    for (let target = shares.length; target > rung; target--) {
      if (!stage.every((_, index) => isProven(index, target))) continue;
      if (target === shares.length) return { outcome: 'promoted', by: null, units, candidateUnits };
      rung = target;
      break;
    }
  }
  return { outcome: 'undecided', by: null, units, candidateUnits };
}

function courseOf(
  ended: readonly Ended[],
  { guardrails, unitsPerHour }: RampQuestion,
  ladder: readonly number[],
): RampCourse {
  const shareOf = (outcome: Ended['outcome']): number =>
    ended.filter((run) => run.outcome === outcome).length / ended.length;
  const shares = [shareOf('promoted'), shareOf('rolled-back'), shareOf('undecided')] as const;
  return {
    missing: null,
    promoted: shares[0],
    rolledBack: shares[1],
    undecided: shares[2],
    standardError: Math.max(...shares.map((share) => Math.sqrt((share * (1 - share)) / ended.length))),
    untilPromotion: until('promoted'),
    untilRollback: until('rolled-back'),
    rolledBackBy: Object.fromEntries(
      guardrails.map(({ name }, index) => [name, ended.filter(({ by }) => by === index).length / ended.length]),
    ),
    rungs: ladder.map((sharePpm, rung) => {
      const here = ended.filter(({ units }) => (units[rung] as number) > 0);
      return {
        sharePpm,
        reached: here.length / ended.length,
        units: spreadOfRuns(here.map(({ units }) => units[rung] as number)),
        candidateUnits: spreadOfRuns(here.map(({ candidateUnits }) => candidateUnits[rung] as number)),
      };
    }),
  };

  function until(outcome: Ended['outcome']): CourseUntil | null {
    const such = ended.filter((run) => run.outcome === outcome);
    if (such.length === 0) return null;
    return {
      units: spreadOfRuns(such.map(({ units }) => sum(units))),
      candidateUnits: spreadOfRuns(such.map(({ candidateUnits }) => sum(candidateUnits))),
      hours: unitsPerHour === undefined ? null : spreadOfRuns(such.map(({ units }) => hoursOf(units, unitsPerHour))),
    };
  }
}

/** +∞ where a rung without traffic would have to pass. */
function hoursOf(units: readonly number[], perHour: number | readonly number[]): number {
  return sum(
    units.map((count, rung) => {
      const rate = typeof perHour === 'number' ? perHour : (perHour[rung] as number);
      return count === 0 ? 0 : count / rate;
    }),
  );
}

/** The rungs below 100 %. */
function expectRamp(question: RampQuestion): readonly number[] {
  const { guardrails, ladderPpm, alpha, unitsPerHour, runs = DEFAULT_RUNS, mostUnits = DEFAULT_MOST_UNITS } = question;
  expectNumber('guardrails', guardrails.length, guardrails.length > 0, 'at least one');
  expectNumber('alpha', alpha, alpha > 0 && alpha < 1, 'a number between 0 and 1');
  expectNumber('runs', runs, Number.isInteger(runs) && runs > 0, 'a positive integer');
  expectNumber('mostUnits', mostUnits, mostUnits > 0 && mostUnits < Infinity, 'a positive number');
  ladderPpm.forEach((ppm, rung) => {
    const before = ladderPpm[rung - 1] ?? 0;
    expectNumber('rung', ppm, ppm > before && ppm <= MILLION, `more than ${before} and at most a million ppm`);
  });
  const ladder = ladderPpm.filter((ppm) => ppm < MILLION);
  expectNumber('rungs below 100 %', ladder.length, ladder.length > 0, 'at least one: 100 % alone compares nothing');
  const rates = unitsPerHour === undefined || typeof unitsPerHour === 'number' ? [unitsPerHour ?? 0] : unitsPerHour;
  for (const rate of rates) expectNumber('unitsPerHour', rate, rate >= 0 && rate < Infinity, 'a number from 0 on');
  if (typeof unitsPerHour === 'object' && unitsPerHour.length !== ladder.length) {
    throw new RangeError(`${unitsPerHour.length} traffics of ${ladder.length} rungs below 100 %: expected one each`);
  }
  return ladder;
}

function refusalOf({ metric, margin, effect = 0 }: PlannedGuardrail): RampRefusal | null {
  expectMetric(metric, effect);
  expectNumber('margin', margin, margin >= 0 && margin < Infinity, 'a number from 0 on');
  if (margin === 0) return 'margin-is-zero';
  if (margin > largestMargin(metric, margin)) return 'margin-beyond-range';
  if (effect === margin) return 'effect-at-margin';
  if (metric.kind === 'relative-rate' && metric.rate === 0) return 'no-events';
  return null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
