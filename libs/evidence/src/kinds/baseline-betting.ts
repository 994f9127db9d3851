import { marginSize, MILLION } from '#libs/contracts';
import {
  bettingInterval,
  clippedShares,
  initialNestedBetting,
  lnENestedHarmful,
  lnENestedNonInferior,
  lnENestedSuperior,
  lossWithinWidest,
  type Betting,
  type BettingDesign,
  NESTED_BOUNDS,
  type NestedBetting,
  nestedBettingDesign,
  type NestedBettingDesign,
  nestedRanges,
  RECENT_MEMORY,
  type NestedTests,
  unboundedDesign,
  type Arm,
  varianceOf,
} from '#libs/statistics';
import type { Cap } from '../catalogue/definition.js';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import type { Interval } from '../analysis/objectives/gain.js';
import type { Baseline, Fixed } from './baseline.js';
import type { Judgement, Tests } from './method.js';
import { bothZeroTests, isNoSize, withoutMargin } from './nothing-happened.js';

/** The design follows from the baseline, which never changes once it is fixed: computed once per baseline and metric. */
const designs = new WeakMap<Baseline, Map<MetricDesign, NestedBettingDesign>>();

/** How means are bet on, once control's first units have fixed what is usual. */
export function bettingDesignOf(baseline: Baseline, metric: MetricDesign, test: MetricTest): NestedBettingDesign {
  const ofBaseline = designs.get(baseline) ?? new Map<MetricDesign, NestedBettingDesign>();
  const known = ofBaseline.get(metric);
  if (known) return known;
  const design = bettingDesign(baseline.fixed as Fixed, metric, test);
  designs.set(baseline, ofBaseline.set(metric, design));
  return design;
}

/** What bets on means depend on beside the baseline, which is kept with them. */
export function bettingTuning({ definition: { cap }, test, gainGrid }: MetricDesign): unknown {
  if (test === null) return null;
  const { harmBeyond, budget } = test;
  return { cap, harmBeyond, budget, gainGrid };
}

/** Before the bounds are known; nothing to bet on where nothing is tested. */
export function betsBeforeBaseline({ definition: { cap }, test, gainGrid }: MetricDesign): NestedBetting {
  if (test === null) return initialNestedBetting({ levels: [] });
  const tests = testsAt(test, gainGrid, { mean: 1 });
  return initialNestedBetting(unboundedDesign(cap.kind === 'baseline' ? NESTED_BOUNDS : 1, tests));
}

/** Interval of the effect in the metric's unit, by the tests at all its margins; null before the baseline is known. */
export function bettingEffect(
  betting: NestedBetting,
  fixed: Baseline['fixed'],
  metric: MetricDesign,
  alpha: number,
): Interval | null {
  const widest = betting.levels.at(-1);
  if (fixed === null || metric.test === null || widest === undefined || widest.n === 0) return null;
  const { levels } = bettingDesign(fixed, metric, metric.test);
  return effectInterval(widest, levels.at(-1) as BettingDesign, metric, alpha);
}

/** Bets are on "higher is better": where lower is, the interval is turned back to the metric's own direction. */
export function effectInterval(
  betting: Betting,
  design: BettingDesign,
  { definition }: MetricDesign,
  alpha: number,
): Interval {
  const better = bettingInterval(betting, design, alpha);
  return definition.direction === 'higher' ? better : { low: 0 - better.high, high: 0 - better.low };
}

/**
 * The tests of a mean once its baseline is fixed, with what is special about them. A relative margin of a mean that is no size to take
 * a percentage of is refused, unless it has a floor or all values of both variants are 0.
 */
export function judgeBets(
  {
    betting,
    fixed,
    special,
    units,
  }: {
    readonly betting: NestedBetting;
    readonly fixed: Fixed;
    readonly special: Judgement['special'];
    readonly units: Judgement['units'];
  },
  metric: MetricDesign,
  test: MetricTest,
): Pick<Judgement, 'tests' | 'missing' | 'special'> {
  const tests = bettingTests(betting, fixed, metric, test);
  if (!isNoSize(fixed, test)) return { tests, missing: null, special };
  if (special === 'both-zero') return { tests: bothZeroTests(test, units), missing: null, special };
  return { tests: withoutMargin(tests, test), missing: 'zero-control', special: 'zero-control' };
}

/**
 * What the bets say at the metric's margins. Harm has to be found soon where it is large, so bold bets weigh more there, and for
 * "superior", which is harm with the variants changed. Proofs of non-inferiority have weights of their own.
 *
 * Most of the evidence of harm is about the means within narrow bounds. It counts only where the mean is worse within the widest bounds
 * as well, by the estimate: a candidate without control's rare expensive pictures is no worse for usual ones that cost a little more.
 */
function bettingTests(betting: NestedBetting, fixed: Fixed, metric: MetricDesign, test: MetricTest): Tests {
  const design = bettingDesign(fixed, metric, test);
  const shares = clippedShares(betting);
  const margin = marginSize(test.margin, fixed.mean);
  const isCut = isTailWorse(shares.at(-1), margin, metric.definition.cap);
  const harmWithin = lnENestedHarmful(betting);
  const { n, mean } = fixed.whole;
  const excess = metric.definition.direction === 'higher' ? mean - fixed.mean : fixed.mean - mean;
  const loss = lossWithinWidest(betting, { n, excess });
  const now = controlNow(betting, fixed, metric.definition);
  const harmBeyond = { fixedAt: marginSize(test.harmBeyond, fixed.mean), now: marginSize(test.harmBeyond, now) };
  const isMadeUpFor = loss !== null && loss <= harmFrom(harmBeyond, betting);
  const exceeds = (allowed: MetricTest['margin']): boolean =>
    loss !== null && exceedsNow(loss, betting, marginSize(allowed, fixed.mean), marginSize(allowed, now));
  const isOutdated = exceeds(test.margin);
  const proofs = design.steps.map((step, index) => {
    const isWorse = isTailWorse(shares[step.level], step.margin, metric.definition.cap);
    const allowed = test.budget[index]?.margin ?? test.margin;
    return withheld(lnENestedNonInferior(betting, design, index), isWorse || exceeds(allowed));
  });
  return {
    margin,
    harmful: withheld(harmWithin, isMadeUpFor),
    nonInferior: proofs.at(-1) as number,
    superior: withheld(lnENestedSuperior(betting, design), isCut),
    budget: test.budget.map(({ sharePpm }, step) => ({
      sharePpm,
      margin: (design.steps[step] as NestedBettingDesign['steps'][number]).margin,
      lnENonInferior: proofs[step] as number,
    })),
    clipped: clippedIn(metric, design, shares),
    isBeyondBounds: isCut,
    isMarginOutdated: isOutdated,
    ...(isMadeUpFor ? { harmWithin } : {}),
  };
}

/** The recent mean is one of so many values at least. */
const FEWEST_RECENT = 64;

/** Control's usual value of late, of which the candidate's are no more than its share away; the baseline's while there are few values. */
function controlNow({ levels }: NestedBetting, fixed: Fixed, { direction }: MetricDesign['definition']): number {
  const narrowest = levels[0];
  if (!narrowest || narrowest.n < FEWEST_RECENT || narrowest.past.control.n === 0) return fixed.mean;
  return direction === 'higher' ? narrowest.recent : 0 - narrowest.recent;
}

/** From where on a loss is harm by the estimate: the margin, or the one that would be fixed now, surely so where that is another one. */
function harmFrom(
  { fixedAt, now }: { readonly fixedAt: number; readonly now: number },
  betting: NestedBetting,
): number {
  if (now * OUTDATED_BELOW <= fixedAt) return Math.max(fixedAt, now);
  return now + SAFETY_ERRORS * standardErrorWithin(betting);
}

/** Of the loss within the widest bounds. */
function standardErrorWithin({ levels }: NestedBetting): number {
  const past = levels.at(-1)?.past;
  if (!past) return Infinity;
  const ofArm = (arm: Arm): number => (varianceOf(past[arm]) ?? Infinity) / past[arm].n;
  return Math.sqrt(ofArm('control') + ofArm('candidate'));
}

/** A margin that would be less than so much of what it was fixed at is another one. */
const OUTDATED_BELOW = 0.8;
/** Standard errors that the estimate has to stay away from the margin as it would be fixed now. */
const SAFETY_ERRORS = 2;

/**
 * Whether a proof at a margin that was fixed as a percentage of control's first values means too little by now, since control has come to lie far
 * lower: 5 % of before are 15 % of a third. Then it counts only where the estimate is within the margin as it would be fixed now, by two standard errors.
 */
function exceedsNow(loss: number, betting: NestedBetting, fixedAt: number, now: number): boolean {
  if (now >= OUTDATED_BELOW * fixedAt) return false;
  return loss + SAFETY_ERRORS * standardErrorWithin(betting) > now;
}

/**
 * Whether the candidate loses more beyond the bounds than the margin, by the estimate. The tests compare clipped means, so they would not see
 * it; to prove less often than they do leaves them valid. Of each variant the value furthest out is left out: one absurd record may not hold a
 * candidate for good. Bounds that the experiment gives are its own way of saying what counts.
 */
function isTailWorse(shares: ClippedShares | undefined, margin: number, cap: Cap): boolean {
  if (cap.kind !== 'baseline' || !shares?.control || !shares.candidate) return false;
  return shares.control.mean - shares.candidate.mean > margin;
}

function withheld(lnE: number, isWithheld: boolean): number {
  return isWithheld ? Math.min(0, lnE) : lnE;
}

type ClippedShares = ReturnType<typeof clippedShares>[number];
type ClippedShare = NonNullable<ClippedShares['control']>;

/** In the metric's own direction. */
function clippedIn(
  { definition }: MetricDesign,
  { levels }: NestedBettingDesign,
  shares: readonly ClippedShares[],
): NonNullable<Tests['clipped']> {
  const isHigher = definition.direction === 'higher';
  return levels.map(({ lo, hi }, level) => {
    const { control, candidate } = shares[level] as ClippedShares;
    return {
      low: isHigher ? lo : 0 - hi,
      high: isHigher ? hi : 0 - lo,
      control: control && inAnalysis(control),
      candidate: candidate && inAnalysis(candidate),
    };
  });
}

function inAnalysis({ values, sum, furthest }: ClippedShare): ClippedInAnalysis {
  return { values, sum, furthest };
}

type ClippedInAnalysis = NonNullable<NonNullable<Tests['clipped']>[number]['control']>;

/** The last one of a metric: its baseline hardly ever changes between two looks. */
const lastDesigns = new WeakMap<
  MetricDesign,
  Pick<Fixed, 'mean' | 'spread'> & { readonly design: NestedBettingDesign }
>();

function bettingDesign(fixed: Fixed, metric: MetricDesign, test: MetricTest): NestedBettingDesign {
  const last = lastDesigns.get(metric);
  const { mean, spread } = fixed;
  if (last?.mean === mean && last.spread === spread) return last.design;
  const design = newDesign(fixed, metric, test);
  lastDesigns.set(metric, { mean, spread, design });
  return design;
}

function newDesign(fixed: Fixed, { definition, gainGrid }: MetricDesign, test: MetricTest): NestedBettingDesign {
  const bounds = boundsOf(definition.cap, fixed, { ...definition, margin: marginSize(test.margin, fixed.mean) });
  return nestedBettingDesign(bounds, testsAt(test, gainGrid, fixed));
}

function testsAt(test: MetricTest, gainGrid: readonly number[], { mean }: Pick<Fixed, 'mean'>): NestedTests {
  return {
    harmfulAt: marginSize(test.harmBeyond, mean),
    steps: test.budget.map(({ sharePpm, margin }) => ({ share: sharePpm / MILLION, margin: marginSize(margin, mean) })),
    // A gain of g is the boundary of the tests at the margin −g; the grid is symmetric.
    grid: gainGrid.map((gain) => gain * Math.abs(mean)),
  };
}

type Bounds = Pick<BettingDesign, 'lo' | 'hi' | 'expected' | 'widening' | 'recent' | 'limits'>;

/** Narrowest first, turned to "higher is better". */
function boundsOf(
  cap: Cap,
  { mean, spread }: Fixed,
  { direction, margin }: { readonly direction: 'higher' | 'lower'; readonly margin: number },
): readonly Bounds[] {
  const isHigher = direction === 'higher';
  const turned = ({ lo, hi }: { readonly lo: number; readonly hi: number }) =>
    isHigher ? { lo, hi } : { lo: 0 - hi, hi: 0 - lo };
  switch (cap.kind) {
    case 'baseline': {
      const { spreads, limits } = cap;
      const usual = { mean: isHigher ? mean : 0 - mean, spread };
      return nestedRanges(usual, margin, { spreads, ...(limits ? { limits: turned(limits) } : {}) });
    }
    case 'fixed': {
      const expected = Math.min(cap.hi, Math.max(cap.lo, mean));
      return [
        {
          ...turned(cap),
          expected: isHigher ? expected : 0 - expected,
          recent: { memory: RECENT_MEMORY, movesBounds: false },
        },
      ];
    }
    case 'none':
      throw new RangeError('a mean without a cap: expected bounds, or a number of spreads of the baseline');
    default:
      return cap satisfies never;
  }
}
