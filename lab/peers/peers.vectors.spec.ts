import { answered } from '#libs/testing/figures';
import { describeVectors, type Vector } from '#libs/testing/figures';
import { eppoMultiplier, eppoRho } from './eppo.js';
import { effectPosterior, normalRisk } from './growthbook-bayesian.js';
import { type CupedRatioStatistic, type Effect, growthBookEffect, type VariantStatistic } from './growthbook-effect.js';
import { scalingFactor } from './growthbook-power.js';
import { sequentialHalfWidth, sequentialLnE, sequentialRho } from './growthbook-sequential.js';
import { sampleRatioTest, sequentialEffectTest, welchEffectTest } from './growthbook-tests.js';
import { cohensD, mannWhitneyInterval, percentile, wilcoxonDiff } from './kayenta.js';
import { compareProportions, groupSequentialLevels, welchFromSums } from './spotify.js';
import { statsigCritical } from './statsig.js';

interface RawSums {
  readonly sum: number;
  readonly sum_squares?: number;
}

interface RawStatistic extends RawSums {
  readonly type?: 'mean' | 'proportion' | 'ratio' | 'cuped' | 'cuped_proportion' | 'ratio_cuped' | 'quantile';
  readonly n: number;
  readonly [name: string]: unknown;
}

interface GrowthBookInputs {
  readonly control: RawStatistic;
  readonly treatment: RawStatistic;
  readonly difference?: 'absolute' | 'relative';
  readonly alpha: number;
  readonly tuning?: number;
  readonly side?: 'greater' | 'lesser';
  readonly theta?: number;
  readonly prior?: { readonly mean: number; readonly variance: number } | null;
}

describeVectors('peers', ({ id, inputs }) => {
  const [peer, method] = id.split('-');
  switch (peer) {
    case 'gb':
      return growthBook(method as string, inputs);
    case 'eppo':
      return eppo(inputs as unknown as { t: number; alpha: number; N_tune: number });
    case 'statsig':
      return statsig(inputs as unknown as Record<'var_t' | 'var_c' | 'n_t' | 'n_c' | 'alpha', number>);
    case 'kay':
      return kayenta(id, inputs);
    default:
      return spotify(id, inputs);
  }
});

function growthBook(method: string, inputs: Vector['inputs']): unknown {
  switch (method) {
    case 'srm': {
      const { users, weights } = inputs as unknown as { users: number[]; weights: number[] };
      const { statistic, df, p } = sampleRatioTest(users, weights);
      return { chi2: statistic, df, p };
    }
    case 'risk': {
      const { mu, sigma } = inputs as unknown as { mu: number; sigma: number };
      const { control, treatment } = normalRisk(mu, sigma);
      return { risk: [control, treatment] };
    }
    case 'power': {
      const { target_power, mde, prior, tuning, ...rest } = inputs as unknown as GrowthBookInputs & {
        target_power: number;
        mde: number;
      };
      const plan = {
        alpha: rest.alpha,
        targetPower: target_power,
        effectSize: mde,
        by:
          prior === null || prior === undefined
            ? ({ kind: 'sequential', tuning: tuning as number } as const)
            : ({ kind: 'posterior', prior } as const),
      };
      return { scaling_factor: scalingFactor(effectOf({ ...rest, difference: 'relative' }), plan) };
    }
    default:
      return effectLeaves(method, inputs as unknown as GrowthBookInputs);
  }
}

/** Every name a vector has for what is known of an effect; each vector asks for some of them. */
function effectLeaves(method: string, inputs: GrowthBookInputs): unknown {
  const { difference = 'relative', alpha, tuning, side = 'both', prior = null } = inputs;
  const effect = effectOf(inputs);
  const common = {
    est: effect.estimate,
    lift: effect.estimate,
    lift_9dp: effect.estimate,
    expected: effect.estimate,
    se: effect.standardError,
    stddev: effect.standardError,
    dof: effect.df,
    theta: effect.theta,
    mean_control: effect.controlMean,
    mean_treatment: effect.treatmentMean,
    ratio_control: effect.controlMean,
    ratio_treatment: effect.treatmentMean,
  };
  if (alpha === undefined) return common;
  if (method === 'bayes' || method === 'quantile') {
    const posterior = effectPosterior(effect, difference, prior, alpha);
    return {
      expected: posterior.mean,
      se: posterior.standardDeviation,
      stddev: posterior.standardDeviation,
      ci: [posterior.low, posterior.high],
      ctw: posterior.chanceToWin,
      chanceToWin: posterior.chanceToWin,
      risk: [posterior.risk.control, posterior.risk.treatment],
    };
  }
  const test =
    tuning === undefined ? welchEffectTest(effect, alpha, side) : sequentialEffectTest(effect, alpha, side, tuning);
  const lnE = sequentialLnE(effect.estimate / effect.standardError, effect.n, alpha, tuning);
  return {
    ...common,
    p: test.p,
    p_9dp: test.p,
    pValue: test.p,
    p_closed_form: test.p,
    ci: [test.low, test.high],
    ci_lower: test.low,
    rho: sequentialRho(side === 'both' ? alpha : 2 * alpha, tuning),
    log_e_value: lnE,
  };
}

function effectOf({ control, treatment, difference = 'relative', theta }: Omit<GrowthBookInputs, 'alpha'>): Effect {
  return answered(growthBookEffect(statisticOf(control), statisticOf(treatment), difference, theta));
}

function statisticOf(raw: RawStatistic): VariantStatistic {
  const { n } = raw;
  const of = (name: string): RawSums => raw[name] as RawSums;
  const sumsOf = ({ sum, sum_squares }: RawSums) =>
    sum_squares === undefined
      ? ({ kind: 'proportion', n, sum } as const)
      : ({ kind: 'mean', n, sum, sumOfSquares: sum_squares } as const);
  if ('m_post' in raw) return Array.isArray(raw['m_post']) ? fromUnits(raw) : cupedRatioOf(raw);
  switch (raw.type) {
    case 'ratio':
      return {
        kind: 'ratio',
        n,
        numerator: sumsOf(of('m')),
        denominator: sumsOf(of('d')),
        sumOfProducts: raw['m_d_sum_of_products'] as number,
      };
    case 'cuped':
    case 'cuped_proportion':
      return {
        kind: 'cuped',
        n,
        post: sumsOf(of('post')),
        pre: sumsOf(of('pre')),
        sumOfProducts: raw['post_pre_sum_of_products'] as number,
      };
    case 'quantile': {
      const value = (name: string): number => raw[name] as number;
      return {
        kind: 'quantile',
        n,
        nStar: value('n_star'),
        nu: value('nu'),
        quantile: value('quantile_hat'),
        lower: value('quantile_lower'),
        upper: value('quantile_upper'),
      };
    }
    default:
      return sumsOf(raw);
  }
}

const RATIO_VALUES = ['m_post', 'd_post', 'm_pre', 'd_pre'] as const;

function cupedRatioOf(raw: RawStatistic): CupedRatioStatistic {
  return {
    kind: 'cuped-ratio',
    n: raw.n,
    sums: RATIO_VALUES.map((name) => (raw[name] as RawSums).sum),
    products: RATIO_VALUES.map((row) =>
      RATIO_VALUES.map((column) =>
        row === column
          ? ((raw[row] as RawSums).sum_squares as number)
          : ((raw[`${row}_${column}`] ?? raw[`${column}_${row}`]) as number),
      ),
    ),
  };
}

function fromUnits(raw: RawStatistic): CupedRatioStatistic {
  const columns = RATIO_VALUES.map((name) => raw[name] as number[]);
  return {
    kind: 'cuped-ratio',
    n: (columns[0] as number[]).length,
    sums: columns.map(total),
    products: columns.map((a) => columns.map((b) => total(a.map((value, i) => value * (b[i] as number))))),
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function eppo({ t, alpha, N_tune }: { t: number; alpha: number; N_tune: number }): unknown {
  return {
    rho: eppoRho(alpha, N_tune),
    B: eppoMultiplier(t, alpha, N_tune),
    growthbook_multiplier: sequentialHalfWidth(1, t, alpha, N_tune),
  };
}

function statsig(inputs: Record<'var_t' | 'var_c' | 'n_t' | 'n_c' | 'alpha', number>): unknown {
  const { variance, tau, critical } = answered(
    statsigCritical({ variance: inputs.var_t, n: inputs.n_t }, { variance: inputs.var_c, n: inputs.n_c }, inputs.alpha),
  );
  return { V: variance, tau, Z_star: critical };
}

function kayenta(id: string, inputs: Vector['inputs']): unknown {
  if (id.startsWith('kay-percentile')) {
    const { data, p } = inputs as unknown as { data: number[]; p: number | number[] };
    return { value: Array.isArray(p) ? p.map((level) => percentile(data, level)) : percentile(data, p) };
  }
  if (id === 'kay-cohend') {
    const { a, b } = inputs as unknown as { a: number[]; b: number[] };
    return { d: cohensD(a, b) };
  }
  if (id === 'kay-wilcoxon-diff') {
    const { x, y, mu } = inputs as unknown as { x: number[]; y: number[]; mu: number[] };
    return { value: mu.map((shift) => wilcoxonDiff(shift, 0, x, y)) };
  }
  const { experiment, control, conf } = inputs as unknown as { experiment: number[]; control: number[]; conf: number };
  const interval = answered(mannWhitneyInterval(experiment, control, conf));
  return { ci: [interval.low, interval.high], estimate: interval.estimate };
}

function spotify(id: string, inputs: Vector['inputs']): unknown {
  if (id === 'spot-seq-alpha') {
    const { n1, n2, expected_final, alpha } = inputs as unknown as {
      n1: number[];
      n2: number[];
      expected_final: number;
      alpha: number;
    };
    const counts = n1.map((count, look) => count + (n2[look] as number));
    return { adjusted_alpha: groupSequentialLevels(counts, expected_final, alpha) };
  }
  if (id === 'spot-ttest') {
    const { control, treatment, alpha } = inputs as unknown as GrowthBookInputs;
    const sums = ({ n, sum, sum_squares }: RawStatistic) => ({ n, sum, sumOfSquares: sum_squares as number });
    const test = answered(welchFromSums(sums(control), sums(treatment), alpha));
    return {
      diff: test.difference,
      ci: [test.interval.low, test.interval.high],
      p: test.p,
      dof: test.df,
      se: test.standardError,
    };
  }
  if (id === 'spot-chisq-us') {
    const { control, treatment, alpha } = inputs as unknown as {
      control: { x: number; n: number };
      treatment: { x: number; n: number };
      alpha: number;
    };
    const compared = answered(
      compareProportions(
        { successes: control.x, trials: control.n },
        { successes: treatment.x, trials: treatment.n },
        alpha,
        'chi-square',
      ),
    );
    return { diff: compared.difference, ci: [compared.low, compared.high], p: compared.p };
  }
  const { reference, others } = inputs as unknown as { reference: [number, number]; others: [number, number][] };
  const method = id === 'spot-ztest-prop' ? 'z-test' : 'chi-square';
  const p = others.map(
    ([successes, trials]) =>
      answered(
        compareProportions({ successes: reference[0], trials: reference[1] }, { successes, trials }, 0.05, method),
      ).p,
  );
  return { p, bonferroni: p.map((value) => Math.min(1, value * others.length)) };
}
