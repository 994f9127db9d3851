import { marginSize, MILLION } from '#libs/contracts';
import {
  type Arm,
  betPaired,
  BOLD_WEIGHTS,
  initialPairedBetting,
  linearisedRatio,
  lnEPairedHarmful,
  lnEPairedNonInferior,
  mergePairedBetting,
  type PairedBetting,
  type PairedDesign,
  pairedProofWeights,
} from '#libs/statistics';
import type { MetricDesign, MetricTest } from '../catalogue/evidence-design.js';
import { addByArm } from '../kinds/arm-counts.js';
import type { Baseline, Fixed } from '../kinds/baseline.js';
import type { Judgement, Tests } from '../kinds/method.js';
import type { MetricEvidence } from '../kinds/metric-evidence.js';
import { bothZeroTests, isNoSize, withoutMargin, zeroIn } from '../kinds/nothing-happened.js';
import { type EncodedPairedBetting, decodePairedBetting, encodePairedBetting } from './paired-betting-codec.js';
import { judgedPairs, type PairedMethod, type SideValue } from './paired-method.js';

/**
 * Means, and ratios along the line that control's first units fix: betting on the difference of a pair's two sides. Margins and the first guess of
 * how differences spread are those of control's baseline.
 */
export interface PairedMeanState {
  readonly kind: 'mean' | 'ratio';
  n: number;
  readonly sums: Record<Arm, number>;
  /** Sides that are not 0. */
  readonly notZero: Record<Arm, number>;
  readonly betting: PairedBetting;
}

type EncodedPairedMean = Omit<PairedMeanState, 'betting'> & { readonly betting: EncodedPairedBetting };

export const pairedMean: PairedMethod<PairedMeanState> = {
  initial: ({ definition, test }) => ({
    kind: definition.kind === 'ratio' ? 'ratio' : 'mean',
    n: 0,
    sums: { control: 0, candidate: 0 },
    notZero: { control: 0, candidate: 0 },
    betting: initialPairedBetting(marginsAt(test as MetricTest, { mean: 1, surely: 1 })),
  }),

  frameOf: (ordinary) => (baselineOf(ordinary)?.fixed ? [] : null),

  observe(state, metric, { control, candidate, ordinary }) {
    const baseline = baselineOf(ordinary);
    if (!baseline?.fixed) return;
    const ofControl = alongLine(control, ordinary);
    const ofCandidate = alongLine(candidate, ordinary);
    if (!Number.isFinite(ofControl) || !Number.isFinite(ofCandidate)) return;
    state.n += 1;
    state.sums.control += ofControl;
    state.sums.candidate += ofCandidate;
    if (control.value !== 0) state.notZero.control += 1;
    if (candidate.value !== 0) state.notZero.candidate += 1;
    const difference = ofCandidate - ofControl;
    const better = metric.definition.direction === 'higher' ? difference : -difference;
    betPaired(state.betting, designOf(baseline, metric), better);
  },

  merge: (a, b) => ({
    kind: a.kind,
    n: a.n + b.n,
    sums: addByArm(a.sums, b.sums),
    notZero: addByArm(a.notZero, b.notZero),
    betting: mergePairedBetting(a.betting, b.betting),
  }),

  judge(state, metric, ordinary) {
    const { n, sums, notZero } = state;
    const mean = (arm: Arm): number | null => (n === 0 ? null : sums[arm] / n);
    const effect = n === 0 ? null : (sums.candidate - sums.control) / n;
    const base = judgedPairs(n, { control: mean('control'), candidate: mean('candidate'), effect });
    const fixed = baselineOf(ordinary)?.fixed;
    if (!fixed) return { ...base, tests: null, missing: 'baseline' };
    const test = metric.test as MetricTest;
    const special = zeroIn({ units: n, isZero: notZero.control === 0 }, { units: n, isZero: notZero.candidate === 0 });
    return { ...base, ...testsOrZero(state, { fixed, special }, test) };
  },

  encode: ({ betting, ...counts }): EncodedPairedMean => ({
    ...structuredClone(counts),
    betting: encodePairedBetting(betting),
  }),

  decode: ({ betting, ...counts }: EncodedPairedMean) => ({
    ...structuredClone(counts),
    betting: decodePairedBetting(betting),
  }),
};

/** As with values one by one: of a mean that is no size to take a percentage of no relative margin is judged. */
function testsOrZero(
  state: PairedMeanState,
  { fixed, special }: { readonly fixed: Fixed; readonly special: Judgement['special'] },
  test: MetricTest,
): Pick<Judgement, 'tests' | 'missing' | 'special'> {
  const tests = testsOf(state.betting, fixed, test);
  if (!isNoSize(fixed, test)) return { tests, missing: null, special };
  if (special === 'both-zero') {
    return { tests: bothZeroTests(test, { control: state.n, candidate: state.n }), missing: null, special };
  }
  return { tests: withoutMargin(tests, test), missing: 'zero-control', special: 'zero-control' };
}

function testsOf(betting: PairedBetting, fixed: Fixed, test: MetricTest): Tests {
  const lost = lostBeyondBounds(betting);
  const sizes = marginsAt(test, sizeOf(fixed)).nonInferiorAt;
  const margin = marginSize(test.margin, fixed.mean);
  const proofs = test.budget.map(({ sharePpm }, step) => {
    const lnE = lnEPairedNonInferior(betting, step, pairedProofWeights(sharePpm / MILLION).bets);
    return lost > (sizes[step] as number) ? Math.min(0, lnE) : lnE;
  });
  const superior = lnEPairedNonInferior(betting, test.budget.length, BOLD_WEIGHTS);
  return {
    margin,
    harmful: lnEPairedHarmful(betting, 0, BOLD_WEIGHTS),
    nonInferior: proofs.at(-1) as number,
    superior: betting.past.mean > 0 ? superior : Math.min(0, superior),
    budget: test.budget.map(({ sharePpm }, step) => ({
      sharePpm,
      margin: sizes[step] as number,
      lnENonInferior: proofs[step] as number,
    })),
    isBeyondBounds: lost > margin,
  };
}

/**
 * How much worse the mean difference is than that of the clipped differences, by the estimate. The tests compare the clipped ones: where
 * more than the margin is lost beyond, they prove less than they could, which leaves them valid.
 */
function lostBeyondBounds({ n, sum, past }: PairedBetting): number {
  return n === 0 ? 0 : sum / n - past.mean;
}

function baselineOf(ordinary: MetricEvidence | undefined): Baseline | undefined {
  return ordinary?.kind === 'mean' || ordinary?.kind === 'ratio' ? ordinary.baseline : undefined;
}

function alongLine({ value, denominator }: SideValue, ordinary: MetricEvidence | undefined): number {
  if (ordinary?.kind !== 'ratio') return value;
  return ordinary.line === null ? Number.NaN : linearisedRatio(value, denominator, ordinary.line);
}

/** Differences further out are not told apart: as many standard deviations of control as the widest of the nested bounds. */
const FURTHEST_SPREADS = 40;
/** A spread of 0, and no margin either, leaves something to bet on all the same. */
const LEAST_SPREAD = 1e-200;

/** The design follows from the baseline, which never changes once it is fixed. */
const designs = new WeakMap<Baseline, Map<MetricDesign, PairedDesign>>();

function designOf(baseline: Baseline, metric: MetricDesign): PairedDesign {
  const ofBaseline = designs.get(baseline) ?? new Map<MetricDesign, PairedDesign>();
  const known = ofBaseline.get(metric);
  if (known) return known;
  const design = pairedDesign(baseline.fixed as Fixed, metric);
  designs.set(baseline, ofBaseline.set(metric, design));
  return design;
}

function pairedDesign(fixed: Fixed, { definition: { cap }, test }: MetricDesign): PairedDesign {
  const { spread } = fixed;
  const { harmfulAt, nonInferiorAt } = marginsAt(test as MetricTest, sizeOf(fixed));
  const furthest = FURTHEST_SPREADS * Math.max(spread, ...harmfulAt, nonInferiorAt.at(-2) ?? 0, LEAST_SPREAD);
  const largestDifference = cap.kind === 'fixed' ? cap.hi - cap.lo : furthest;
  const half = largestDifference / 2;
  return {
    largestDifference,
    usualSpread: spread,
    harmfulAt,
    nonInferiorAt: nonInferiorAt.map((margin) => Math.min(half, margin)),
  };
}

/** Control's mean, which relative margins are percentages of. */
interface Size {
  readonly mean: number;
  /** The same mean as far as it is known: two standard errors nearer to 0. */
  readonly surely: number;
}

/** Standard errors that control's mean may have come out too large by. */
const MEAN_ERRORS = 2;

function sizeOf({ mean, spread, whole: { n } }: Fixed): Size {
  const nearer = Math.abs(mean) - (MEAN_ERRORS * spread) / Math.sqrt(Math.max(1, n));
  return { mean, surely: Math.sign(mean) * Math.max(0, nearer) };
}

/**
 * Non-inferiority at every step of the budget, the last of which is the margin itself, then at 0 (superiority). A first share allows a multiple of
 * the margin, and with it a multiple of the error of control's mean: a mean that came out 1 % too large moves 25 % of it by a quarter of a percent, as
 * much as a thousand pairs tell apart. So the wider steps are of the mean that is surely there.
 */
function marginsAt(test: MetricTest, { mean, surely }: Size): Pick<PairedDesign, 'harmfulAt' | 'nonInferiorAt'> {
  const ofStep = ({ sharePpm, margin }: MetricTest['budget'][number]): number =>
    marginSize(margin, sharePpm < MILLION ? surely : mean);
  return {
    harmfulAt: [marginSize(test.harmBeyond, mean)],
    nonInferiorAt: [...test.budget.map(ofStep), 0],
  };
}
