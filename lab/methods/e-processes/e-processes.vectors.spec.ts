import {
  anytimeP,
  hit,
  initialScoredTilt,
  initialTilt,
  lnEDifferent,
  lnESampleRatio,
  lnEShift,
  lnRateRatio,
  lnRateRatioInterval,
  observeScore,
  rbfKernel,
} from '#libs/statistics';
import { describeVectors, type Vector } from '#libs/testing/figures';
import { lnEBernoulli } from './bernoulli-mixture.js';
import { lnEEventCounts } from './event-counts.js';
import { betHedged, initialHedgedBetting, lnEHedged, nextBet } from './hedged-betting.js';
import { betOnPair, initialKernelBetting } from './kernel-betting.js';
import { lnENormalMixture } from './normal-mixture-ratio.js';
import { initialSafeTwoByTwo, observeBlock } from './safe-two-by-two.js';
import { initialSplit, observeSplit } from './sequential-split.js';

describeVectors('e-processes', ({ id, inputs }) => {
  const [, method] = Object.entries(methods).find(([beginning]) => id.startsWith(beginning)) ?? [];
  if (!method) throw new RangeError(`${id}: expected a method for it`);
  return method(inputs as unknown as Numbers, inputs);
});

type Numbers = Readonly<Record<string, number>>;

const methods: Readonly<Record<string, (inputs: Numbers, raw: Vector['inputs']) => unknown>> = {
  'bern-loge': ({ S, n, p0, t_opt, alpha_opt }) => ({
    log_e: lnEBernoulli(S as number, n as number, p0 as number, {
      trials: t_opt as number,
      alpha: alpha_opt as number,
    }),
  }),

  'error-arm': ({ control_events, treatment_events, rho_treatment, concentration }) => {
    const lnE = lnEEventCounts(
      control_events as number,
      treatment_events as number,
      rho_treatment as number,
      concentration as number,
    );
    return { log_e: lnE, p: anytimeP(lnE) };
  },

  msprt: ({ n_per_arm, sigma, tau, mean_diff }) => {
    const lnE = lnENormalMixture(n_per_arm as number, mean_diff as number, {
      sigma: sigma as number,
      tau: tau as number,
    });
    return { log_lr: lnE, p: anytimeP(lnE) };
  },

  safe2x2: (_numbers, raw) => {
    const { ya, yb, na, nb, betaA1, betaA2, betaB1, betaB2 } = raw as unknown as Numbers & {
      ya: number[];
      yb: number[];
    };
    const state = initialSafeTwoByTwo();
    const design = {
      control: na as number,
      candidate: nb as number,
      controlPrior: [betaA1 as number, betaA2 as number],
      candidatePrior: [betaB1 as number, betaB2 as number],
    } as const;
    const lnEs = (ya as number[]).map((successes, block) => {
      observeBlock(state, design, successes, (yb as number[])[block] as number);
      return state.lnE;
    });
    return { log_e: lnEs };
  },

  'ssrm-final': (_numbers, raw) => {
    const {
      counts,
      null: shares,
      concentration,
    } = raw as unknown as { counts: number[]; null: number[]; concentration: number };
    const lnE = lnESampleRatio(counts, shares, concentration);
    return { log_e: lnE, p_at_this_time: anytimeP(lnE) };
  },

  'ssrm-seq': (_numbers, raw) => {
    const {
      data,
      null: shares,
      dirichlet,
    } = raw as unknown as { data: number[][]; null: number[]; dirichlet: number[] };
    let split = initialSplit(dirichlet);
    const course = data.map((counts) => (split = observeSplit(split, counts, shares)));
    return { log_m1: course.map(({ mixture }) => mixture), log_m0: course.map(({ fixed }) => fixed) };
  },

  'betting-hedged': (_numbers, raw) => {
    const { x, m, alpha, theta } = raw as unknown as { x: number[]; m: number; alpha: number; theta: number };
    const state = initialHedgedBetting();
    const design = { mean: m, alpha, weight: theta };
    const course = x.map((value) => {
      const lambda = nextBet(state, design);
      betHedged(state, design, value);
      return { lambda, up: Math.exp(state.lnUp), down: Math.exp(state.lnDown), capital: lnEHedged(state, design) };
    });
    return {
      lambda_untruncated: course.map(({ lambda }) => lambda),
      K_plus: course.map(({ up }) => up),
      K_minus: course.map(({ down }) => down),
      capital: course.map(({ capital }) => Math.exp(capital)),
    };
  },

  'betting-kernel-ons': (_numbers, raw) => {
    const { X, Y, bw } = raw as unknown as { X: number[]; Y: number[]; bw: number };
    const state = initialKernelBetting();
    const course = X.map((x, index) => {
      const lambda = state.bet;
      // Its witness is X's minus Y's: X stands where the candidate does.
      const payoff = betOnPair(state, rbfKernel([bw]), [Y[index] as number], [x]);
      return { lambda, payoff, wealth: Math.exp(state.lnE) };
    });
    return {
      F: course.map(({ payoff }) => payoff),
      lambda_: course.map(({ lambda }) => lambda),
      wealth: course.map(({ wealth }) => wealth),
    };
  },

  'tilt-rr-ci': ({ rho, treatment_events, control_events, alpha }) => {
    const state = initialTilt();
    for (let i = 0; i < (treatment_events as number); i++) hit(state, 'candidate', rho as number);
    for (let i = 0; i < (control_events as number); i++) hit(state, 'control', rho as number);
    const interval = lnRateRatioInterval(state, alpha as number);
    return {
      log_e: lnEDifferent(state, 0),
      mle_ln_rr: lnRateRatio(state),
      ci_ln_rr: [interval?.low, interval?.high],
    };
  },

  'tilt-ramp': tiltOfScores,
  'tilt-rank': tiltOfScores,
};

function tiltOfScores(_numbers: unknown, raw: Vector['inputs']): unknown {
  const { events } = raw as unknown as { events: [number, number, number][] };
  const state = initialScoredTilt();
  const course = events.map(([propensity, flag, score]) => {
    observeScore(state, flag === 1 ? 'candidate' : 'control', propensity, score);
    return { higher: lnEShift(state, 'higher'), either: lnEShift(state, 'either') };
  });
  return { log_e_greater: course.map(({ higher }) => higher), log_e_two_sided: course.map(({ either }) => either) };
}
