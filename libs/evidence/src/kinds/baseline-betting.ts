import {
  type Betting,
  type BettingDesign,
  bettingInterval,
  BOLD_WEIGHTS,
  lnEHarmful,
  lnENonInferior,
  proofWeights,
  usualRange,
} from '#libs/statistics';
import { marginSize, MILLION } from '#libs/contracts';
import type { Cap } from '../catalogue/definition.js';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import type { Interval } from '../analysis/objectives/gain.js';
import type { Baseline, Fixed } from './baseline.js';
import type { Judgement, Tests } from './method.js';
import { bothZeroTests, isNoSize, withoutMargin } from './nothing-happened.js';

/** The design follows from the baseline, which never changes once it is fixed: computed once per baseline and metric. */
const designs = new WeakMap<Baseline, Map<MetricDesign, BettingDesign>>();

/** How means are bet on, once control's first units have fixed what is usual. */
export function bettingDesignOf(baseline: Baseline, metric: MetricDesign, test: MetricTest): BettingDesign {
  const ofBaseline = designs.get(baseline) ?? new Map<MetricDesign, BettingDesign>();
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
  return { cap, harmBeyond, budget: budget.map(({ margin }) => margin), gainGrid };
}

/** As many margins as {@link bettingDesignOf} will have, before their size is known. */
export function marginCount({ test, gainGrid }: MetricDesign): Pick<BettingDesign, 'harmfulAt' | 'nonInferiorAt'> {
  if (test === null) return { harmfulAt: [], nonInferiorAt: [] };
  return { harmfulAt: [0, ...gainGrid], nonInferiorAt: [...test.budget.map(() => 0), 0, ...gainGrid] };
}

/** Interval of the effect in the metric's unit, by the tests at all its margins; null before the baseline is known. */
export function bettingEffect(
  betting: Betting,
  fixed: Baseline['fixed'],
  metric: MetricDesign,
  alpha: number,
): Interval | null {
  if (fixed === null || metric.test === null || betting.n === 0) return null;
  return effectInterval(betting, bettingDesign(fixed, metric, metric.test), metric, alpha);
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
    readonly betting: Betting;
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
 * "superior", which is harm with the variants changed. Proofs of non-inferiority have weights of their own, see {@link proofWeights}.
 */
function bettingTests(betting: Betting, fixed: Fixed, metric: MetricDesign, test: MetricTest): Tests {
  const { nonInferiorAt } = bettingDesign(fixed, metric, test);
  return {
    margin: marginSize(test.margin, fixed.mean),
    harmful: lnEHarmful(betting, 0, BOLD_WEIGHTS),
    nonInferior: lnENonInferior(betting, test.budget.length - 1, proofWeights(1).bets),
    superior: lnENonInferior(betting, test.budget.length, BOLD_WEIGHTS),
    budget: test.budget.map(({ sharePpm }, index) => ({
      sharePpm,
      margin: nonInferiorAt[index] as number,
      lnENonInferior: lnENonInferior(betting, index, proofWeights(sharePpm / MILLION).bets),
    })),
  };
}

function bettingDesign(fixed: Fixed, { definition, gainGrid }: MetricDesign, test: MetricTest): BettingDesign {
  const margin = marginSize(test.margin, fixed.mean);
  const { lo, hi, expected, widening } = rangeOf(definition.cap, fixed, margin);
  const half = (hi - lo) / 2;
  const isHigher = definition.direction === 'higher';
  // A gain of g is the boundary of the tests at the margin −g; the grid is symmetric.
  const gains = gainGrid.map((gain) => gain * Math.abs(fixed.mean));
  return {
    lo: isHigher ? lo : -hi,
    hi: isHigher ? hi : -lo,
    expected: isHigher ? expected : -expected,
    ...(widening ? { widening } : {}),
    harmfulAt: [marginSize(test.harmBeyond, fixed.mean), ...gains],
    nonInferiorAt: [...test.budget.map((step) => Math.min(half, marginSize(step.margin, fixed.mean))), 0, ...gains],
  };
}

type Range = Required<Pick<BettingDesign, 'lo' | 'hi' | 'expected'>> & Pick<BettingDesign, 'widening'>;

function rangeOf(cap: Cap, fixed: Fixed, margin: number): Range {
  switch (cap.kind) {
    case 'baseline':
      return usualRange(fixed, margin, cap.spreads);
    case 'fixed':
      return { lo: cap.lo, hi: cap.hi, expected: Math.min(cap.hi, Math.max(cap.lo, fixed.mean)) };
    case 'none':
      throw new RangeError('a mean without a cap: expected bounds, or a number of spreads of the baseline');
    default:
      return cap satisfies never;
  }
}
