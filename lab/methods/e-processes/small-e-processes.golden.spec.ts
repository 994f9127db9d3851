import { anytimeP, rbfKernel, winRate } from '#libs/statistics';
import golden from '../../../libs/testing/golden/small_e_processes.json' with { type: 'json' };
import { describeGolden, type Numbers } from '#libs/testing/figures';
import { betHedged, initialHedgedBetting, lnEHedged } from './hedged-betting.js';
import { betOnPair, initialKernelBetting } from './kernel-betting.js';
import { initialLinearPredictor, observeLinear, predict, predictionSpread } from './linear-predictor.js';
import { pairPropensity } from './pair-propensity.js';
import { blockDesign, initialSafeTwoByTwo, observeBlock } from './safe-two-by-two.js';
import { initialSplit, observeSplit } from './sequential-split.js';

type Rows = readonly (readonly number[])[];

const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  anytimeP: (lnE: number) => [anytimeP(lnE)],
  pairPropensity: (candidate: number, control: number) => [pairPropensity(candidate, control)],
  'hedged betting': (values: readonly number[], mean: number, alpha: number) => {
    const state = initialHedgedBetting();
    for (const value of values) betHedged(state, { mean, alpha }, value);
    return [lnEHedged(state, { mean, alpha })];
  },
  'kernel betting': (control: Rows, candidate: Rows, bandwidth: number) => {
    const state = initialKernelBetting();
    const kernel = rbfKernel([bandwidth]);
    control.forEach((one, index) => {
      betOnPair(state, kernel, Float32Array.from(one), Float32Array.from(candidate[index] as readonly number[]));
    });
    return [state.lnE];
  },
  'safe 2x2': (control: number, candidate: number, blocks: readonly (readonly [number, number])[]) => {
    const state = initialSafeTwoByTwo();
    for (const [ofControl, ofCandidate] of blocks) {
      observeBlock(state, blockDesign(control, candidate), ofControl, ofCandidate);
    }
    return [state.lnE];
  },
  'sequential split': (prior: readonly number[], shares: readonly number[], batches: Rows) => {
    const { mixture, fixed } = batches.reduce(
      (state, counts) => observeSplit(state, counts, shares),
      initialSplit(prior),
    );
    return [mixture, fixed];
  },
  'linear predictor': (rows: Rows, values: readonly number[], at: readonly number[]) => {
    const state = initialLinearPredictor(at.length);
    rows.forEach((row, index) => observeLinear(state, row, values[index] as number));
    return [predict(state, at), predictionSpread(state)];
  },
  winRate: (wins: number, losses: number) => [winRate({ wins, losses })],
};

// Embeddings are kept in single precision.
describeGolden('small e-processes', golden.values, ours, (wanted, name) =>
  name === 'kernel betting' ? 1e-6 : 1e-11 * Math.max(1, Math.abs(wanted)),
);
