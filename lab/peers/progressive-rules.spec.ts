import { describe, expect, it } from 'vitest';
import {
  argoCounted,
  type ArgoLimits,
  argoMeasurement,
  type ArgoMeasurement,
  argoPhase,
  NO_MEASUREMENTS,
} from './argo-rollouts.js';
import { flaggerCheck, flaggerSequence, flaggerStart } from './flagger.js';

const MEASUREMENTS: Readonly<Record<string, ArgoMeasurement>> = {
  s: 'successful',
  f: 'failed',
  i: 'inconclusive',
  e: 'error',
};

/** The phase after each of the measurements, by their first letters. */
function phases(measurements: string, limits: ArgoLimits): readonly string[] {
  let counts = NO_MEASUREMENTS;
  return [...measurements].map((letter) => {
    counts = argoCounted(counts, MEASUREMENTS[letter]!);
    return argoPhase(counts, limits);
  });
}

const success = (value: number): boolean => value >= 0.95;
const failure = (value: number): boolean => value < 0.9;

describe('Argo Rollouts', () => {
  it('labels a measurement by its conditions', () => {
    expect([0.97, 0.92, 0.5].map((value) => argoMeasurement(value, { success, failure }))).toEqual([
      'successful',
      'inconclusive',
      'failed',
    ]);
    expect([0.97, 0.92].map((value) => argoMeasurement(value, { success }))).toEqual(['successful', 'failed']);
    expect([0.92, 0.5].map((value) => argoMeasurement(value, { failure }))).toEqual(['successful', 'failed']);
    expect(argoMeasurement(0.5, {})).toBe('successful');
    expect(argoMeasurement(0.97, { success, failure: () => true })).toBe('failed');
    expect(argoMeasurement(null, { success, failure })).toBe('error');
  });

  it.each<readonly [string, string, ArgoLimits, readonly string[]]>([
    ['fails at the first failure', 'sf', { count: 5 }, ['running', 'failed']],
    [
      'allows so many failures, in a row or not',
      'fsfsf',
      { failureLimit: 2 },
      ['running', 'running', 'running', 'running', 'failed'],
    ],
    ['allows any number of failures', 'ffs', { failureLimit: -1, count: 3 }, ['running', 'running', 'successful']],
    ['is inconclusive at the first such measurement', 'i', {}, ['inconclusive']],
    ['allows so many inconclusive ones', 'isi', { inconclusiveLimit: 1 }, ['running', 'running', 'inconclusive']],
    ['has failed rather than been inconclusive', 'if', { inconclusiveLimit: 1, count: 2 }, ['running', 'failed']],
    [
      'errs at the fifth error in a row',
      'eeeese',
      {},
      ['running', 'running', 'running', 'running', 'running', 'running'],
    ],
    [
      'errs at the fifth error in a row, with none between',
      'eeeee',
      {},
      ['running', 'running', 'running', 'running', 'error'],
    ],
    ['allows as many errors in a row as it is told', 'ee', { consecutiveErrorLimit: 1 }, ['running', 'error']],
    ['counts no error as a measurement', 'sese', { count: 2 }, ['running', 'running', 'successful', 'successful']],
    [
      'is won by successes in a row',
      'sfsss',
      { failureLimit: 3, consecutiveSuccessLimit: 3 },
      ['running', 'running', 'running', 'running', 'successful'],
    ],
    [
      'is not won by successes with an error between',
      'sses',
      { consecutiveSuccessLimit: 3, count: 4 },
      ['running', 'running', 'running', 'running'],
    ],
    [
      'fails before successes in a row can win',
      'fsss',
      { consecutiveSuccessLimit: 3 },
      ['failed', 'failed', 'failed', 'failed'],
    ],
    [
      'is neither failed nor won at its count',
      'sfsf',
      { failureLimit: 3, consecutiveSuccessLimit: 3, count: 4 },
      ['running', 'running', 'running', 'inconclusive'],
    ],
    ['goes on without a count', 'sss', {}, ['running', 'running', 'running']],
  ])('%s', (_what, measurements, limits, expected) => {
    expect(phases(measurements, limits)).toEqual(expected);
  });
});

/** Weights from the start on, and the decision, by checks: + passed, − failed. */
function played(checks: string, sequence: readonly number[], threshold: number) {
  const states = [flaggerStart(sequence)];
  for (const check of checks) states.push(flaggerCheck(states.at(-1)!, check === '+', { sequence, threshold }));
  return { weights: states.map(({ weight }) => weight), decision: states.at(-1)!.decision };
}

describe('Flagger', () => {
  it('gives equal steps, the last cut at the largest weight, or the weights of its list', () => {
    expect(flaggerSequence({ stepWeight: 10, maxWeight: 50 })).toEqual([10, 20, 30, 40, 50]);
    expect(flaggerSequence({ stepWeight: 20, maxWeight: 50 })).toEqual([20, 40, 50]);
    expect(flaggerSequence({ stepWeights: [1, 2, 10, 80] })).toEqual([1, 2, 10, 80]);
  });

  it('takes as many intervals as there are weights, and then promotes', () => {
    expect(played('++++', [1, 2, 10, 80], 5)).toEqual({ weights: [1, 2, 10, 80, 100], decision: 'promote' });
    // interval · (maxWeight / stepWeight), as its guide has it.
    expect(played('+'.repeat(25), flaggerSequence({ stepWeight: 2, maxWeight: 50 }), 10).decision).toBe('promote');
    expect(played('+'.repeat(24), flaggerSequence({ stepWeight: 2, maxWeight: 50 }), 10).decision).toBe('undecided');
  });

  it('keeps the weight at a check that fails, and sends everybody back when they add up', () => {
    expect(played('+-+', [1, 2, 10, 80], 5)).toEqual({ weights: [1, 2, 2, 10], decision: 'undecided' });
    expect(played('-+-', [1, 2, 10, 80], 2)).toEqual({ weights: [1, 1, 2, 0], decision: 'rollback' });
    expect(played('--+', [1, 2, 10, 80], 2)).toEqual({ weights: [1, 1, 0, 0], decision: 'rollback' });
  });
});
