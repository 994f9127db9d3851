import { describe, expect, it } from 'vitest';
import type { Guardrail, MetricAnalysis } from '#libs/contracts';
import { aMetric, aSpec } from '#libs/testing/delivery';
import { harmMessage, weakestMessage } from './proof.js';

type Case = readonly [
  name: string,
  metric: Partial<MetricAnalysis> & Pick<MetricAnalysis, 'metric' | 'estimate'>,
  margin: Guardrail['margin'],
  harm: string,
  hardest: string,
];

const relative = (value: number): Guardrail['margin'] => ({ kind: 'relative', value });
const absolute = (value: number): Guardrail['margin'] => ({ kind: 'absolute', value });

const rate = { kind: 'rate', unit: 'share of requests', direction: 'lower', scale: 'difference' } as const;
const latency = { kind: 'upper-tail', unit: 'ms', direction: 'lower', scale: 'relative' } as const;
const mean = { kind: 'mean', direction: 'higher', scale: 'difference' } as const;
const ratio = { kind: 'ratio', unit: 's', direction: 'lower', scale: 'difference' } as const;
const factor = { unit: 'share of pictures', direction: 'lower', scale: 'ln-rate-ratio' } as const;
const votes = { kind: 'preference', unit: 'share of votes', direction: 'higher', scale: 'difference' } as const;

/** Every kind of metric, with each kind of margin that it may have: what is said of proven harm, and of a proof at half of the traffic. */
const cases: readonly Case[] = [
  [
    'a rate in percentage points',
    { metric: 'error-rate', ...rate, estimate: { control: 0.01, candidate: 0.0315, effect: 0.0215 } },
    absolute(0.005),
    'is 2.15 percentage points above control (3.15 % against 1 %); allowed is +0.5 percentage points',
    'is 2.15 percentage points above control (3.15 % against 1 %) and is not more than 1 percentage point above control',
  ],
  [
    'a rate with a relative margin as a factor',
    { metric: 'error-rate', ...rate, estimate: { control: 0.01, candidate: 0.03, effect: 0.02 } },
    relative(0.5),
    'is 3 times as frequent as in control (3 % against 1 %); allowed is 1.5 times',
    'is 3 times as frequent as in control (3 % against 1 %) and is not more than 2 times as frequent as in control',
  ],
  [
    'deeds that nobody of control does',
    {
      metric: 'regenerate-rate',
      ...factor,
      kind: 'incidence',
      unit: 'share of units',
      estimate: { control: 0, candidate: 0.02, effect: Math.log(1e4) },
    },
    relative(0.5),
    'is 2 %, and 0 % in control; allowed is 1.5 times',
    'is 2 %, and 0 % in control and is not more than 2 times as frequent as in control',
  ],
  [
    'a rate that is better when it is higher',
    {
      metric: 'success-rate',
      ...rate,
      direction: 'higher',
      estimate: { control: 0.99, candidate: 0.9, effect: -0.09 },
    },
    absolute(0.01),
    'is 9 percentage points below control (90 % against 99 %); allowed is −1 percentage point',
    'is 9 percentage points below control (90 % against 99 %) and is not more than 2 percentage points below control',
  ],
  [
    'a tail of latency, relative',
    {
      metric: 'latency-p95',
      ...latency,
      estimate: { control: 898.4, candidate: 1_230.4, effect: 0.3695 },
      margin: 180,
    },
    relative(0.2),
    'is 37 % above control (1\u202f230 ms against 898 ms); allowed is +20 %',
    'is 37 % above control (1\u202f230 ms against 898 ms) and is not more than 40 % above control',
  ],
  [
    'a tail of latency, in its unit',
    { metric: 'latency-p95', ...latency, estimate: { control: 900, candidate: 1_230, effect: 0.3667 }, margin: 200 },
    absolute(200),
    'is 330 ms above control (1\u202f230 ms against 900 ms); allowed is +200 ms',
    'is 330 ms above control (1\u202f230 ms against 900 ms) and is not more than 400 ms above control',
  ],
  [
    'a mean, relative',
    { metric: 'alignment', ...mean, unit: 'cosine', estimate: { control: 0.3, candidate: 0.27, effect: -0.03 } },
    relative(0.01),
    'is 10 % below control (0.27 against 0.3); allowed is −1 %',
    'is 10 % below control (0.27 against 0.3) and is not more than 2 % below control',
  ],
  [
    'a mean in its unit',
    { metric: 'rating', ...mean, unit: 'stars', estimate: { control: 4.2, candidate: 3.9, effect: -0.3 } },
    absolute(0.1),
    'is 0.3 stars below control (3.9 stars against 4.2 stars); allowed is −0.1 stars',
    'is 0.3 stars below control (3.9 stars against 4.2 stars) and is not more than 0.2 stars below control',
  ],
  [
    'a mean that is a share, relative',
    {
      metric: 'gpu-utilisation',
      ...mean,
      unit: 'share of time',
      estimate: { control: 0.8, candidate: 0.6, effect: -0.2 },
    },
    relative(0.05),
    'is 25 % below control (60 % against 80 %); allowed is −5 %',
    'is 25 % below control (60 % against 80 %) and is not more than 10 % below control',
  ],
  [
    'a mean below zero, relative to its size',
    { metric: 'own', ...mean, unit: '', estimate: { control: -2, candidate: -3, effect: -1 } },
    relative(0.1),
    'is 50 % below control (−3 against −2); allowed is −10 %',
    'is 50 % below control (−3 against −2) and is not more than 20 % below control',
  ],
  [
    'a ratio, relative',
    { metric: 'gpu-seconds-per-image', ...ratio, estimate: { control: 2, candidate: 2.3, effect: 0.3 } },
    relative(0.05),
    'is 15 % above control (2.3 s against 2 s); allowed is +5 %',
    'is 15 % above control (2.3 s against 2 s) and is not more than 10 % above control',
  ],
  [
    'a lower tail as a factor',
    {
      metric: 'wrong-pictures',
      kind: 'lower-tail',
      ...factor,
      estimate: { control: 0.0021, candidate: 0.0592, effect: 3.34 },
      margin: 0.5,
    },
    relative(0.5),
    'is 28.2 times as frequent as in control (5.92 % against 0.21 %); allowed is 1.5 times',
    'is 28.2 times as frequent as in control (5.92 % against 0.21 %) and is not more than 2 times as frequent as in control',
  ],
  [
    'a lower tail in percentage points',
    {
      metric: 'wrong-pictures',
      kind: 'lower-tail',
      ...factor,
      estimate: { control: 0.02, candidate: 0.06, effect: 1.1 },
      margin: 0.01,
    },
    absolute(0.01),
    'is 4 percentage points above control (6 % against 2 %); allowed is +1 percentage point',
    'is 4 percentage points above control (6 % against 2 %) and is not more than 2 percentage points above control',
  ],
  [
    'how many do something, as a factor',
    {
      metric: 'download-rate',
      kind: 'incidence',
      ...factor,
      unit: 'share of units',
      direction: 'higher',
      estimate: { control: 0.2, candidate: 0.1, effect: -Math.LN2 },
      margin: 0.1,
    },
    relative(0.1),
    'is 0.5 times as frequent as in control (10 % against 20 %); allowed is at least 0.909 times',
    'is 0.5 times as frequent as in control (10 % against 20 %) and is not less than 0.833 times as frequent as in control',
  ],
  [
    'a preference as a share of the comparisons',
    { metric: 'preference', ...votes, estimate: { control: 0.62, candidate: 0.38, effect: -0.12 } },
    absolute(0.05),
    'is better than control in 38 % of the comparisons; allowed is at least 45 %',
    'is better than control in 38 % of the comparisons and is not better than control in less than 40 % of the comparisons',
  ],
  [
    'a preference with a relative margin, a share of the half',
    { metric: 'preference', ...votes, estimate: { control: 0.62, candidate: 0.38, effect: -0.12 } },
    relative(0.1),
    'is better than control in 38 % of the comparisons; allowed is at least 45 %',
    'is better than control in 38 % of the comparisons and is not better than control in less than 40 % of the comparisons',
  ],
  [
    'a probability',
    {
      metric: 'own',
      kind: 'shift',
      scale: 'probability',
      direction: 'higher',
      estimate: { control: 0.3, candidate: 0.2, effect: -0.2 },
    },
    absolute(0.05),
    'is better than control in 30 % of the comparisons; allowed is at least 45 %',
    'is better than control in 30 % of the comparisons and is not better than control in less than 40 % of the comparisons',
  ],
];

const specOf = (metric: string, margin: Guardrail['margin'], rollbackOn: Guardrail['rollbackOn'] = 'beyond-margin') =>
  aSpec({ guardrails: [{ metric, margin, rollbackOn }] });

describe('what is said of a guardrail, on the scale of its margin', () => {
  it('names the long tail that a mean is worse by', () => {
    const metric = aMetric('cost-per-image', {
      kind: 'mean',
      unit: 'cost',
      direction: 'lower',
      scale: 'difference',
      estimate: { control: 1, candidate: 1.15, effect: 0.15 },
      lnE: { harmful: 3.412, nonInferior: -9 },
      clipped: [
        { low: 0.5, high: 1.5, control: { values: 0, sum: 0 }, candidate: { values: 0.005, sum: 0.13 } },
        { low: 0, high: 7, control: { values: 0, sum: 0 }, candidate: { values: 0.005, sum: 0.1 } },
      ],
    });
    const said = harmMessage(metric, specOf('cost-per-image', relative(0.05)), 0.05);
    expect(said).toContain(
      'Beyond 0.5 to 1.5 lie 0.5 % (13 % of their sum) of candidate’s values, and 0 % (0 % of their sum) of control’s.',
    );
    const without = { ...metric, clipped: [{ low: 0.5, high: 1.5, control: null, candidate: { values: 1, sum: 1 } }] };
    expect(harmMessage(without, specOf('cost-per-image', relative(0.05)), 0.05)).not.toContain('Beyond');
  });

  it.each(cases)('%s: proven harm', (_name, { metric: name, ...rest }, margin, harm) => {
    const metric = aMetric(name, { lnE: { harmful: 3.412, nonInferior: -9 }, ...rest });
    expect(harmMessage(metric, specOf(name, margin), 0.05)).toBe(
      `${name} of candidate ${harm}. Proven worse than allowed, with 95 % confidence after 171 units of candidate (ln E 3.41; 3 needed).`,
    );
  });

  it('says at which share of the experiment’s α harm was proven, where that is shared', () => {
    const [, { metric: name, ...rest }, margin] = cases[0]!;
    const metric = aMetric(name, { harmAlpha: 0.01, lnE: { harmful: 4.712, nonInferior: -9 }, ...rest });
    expect(harmMessage(metric, specOf(name, margin), 0.05)).toMatch(
      /, with 99 % confidence after 171 units of candidate \(ln E 4\.71; 4\.61 needed\), at its share of the experiment’s α: 1 % of 5 %\.$/,
    );
  });

  it.each(cases)(
    '%s: the hardest proof, for half of the traffic',
    (_name, { metric: name, ...rest }, margin, _harm, hardest) => {
      const weakest = aMetric(name, rest);
      expect(weakestMessage({ weakest, lnE: 3.1, provenForPpm: 500_000 }, specOf(name, margin), 0.05)).toBe(
        `Hardest to prove: ${name} of candidate ${hardest}, with 95 % confidence after 171 units of candidate (ln E 3.1; 3 needed).`,
      );
    },
  );

  it('says that any harm rolls back where it does', () => {
    const metric = aMetric('error-rate', { lnE: { harmful: 4, nonInferior: -9 } });
    expect(harmMessage(metric, specOf('error-rate', absolute(0.005), 'any-harm'), 0.05)).toMatch(
      /^error-rate of candidate is 2 percentage points above control \(3 % against 1 %\); nothing worse than control is allowed\./,
    );
  });

  it('says first what is proven where the estimate has come back within the margin, or is missing', () => {
    const back = aMetric('latency-p95', { ...latency, estimate: { control: 900, candidate: 945, effect: 0.05 } });
    expect(harmMessage(back, specOf('latency-p95', relative(0.1)), 0.01)).toBe(
      'latency-p95 of candidate is more than 10 % above control: proven worse than allowed, with 99 % confidence after 171 units of candidate (ln E 1.2; 4.61 needed). The present estimate is 5 % above control (945 ms against 900 ms).',
    );
    const n = { control: { units: 900, events: 4_000 }, candidate: { units: 171, events: 800 } };
    expect(harmMessage({ ...back, n }, specOf('latency-p95', relative(0.1)), 0.01)).toMatch(
      /By the first request of each unit alone it is 5 % above control/,
    );
    const none = aMetric('latency-p95', { ...latency, estimate: { control: null, candidate: null, effect: null } });
    expect(harmMessage(none, specOf('latency-p95', relative(0.1)), 0.05)).toMatch(
      /^latency-p95 of candidate is more than 10 % above control: proven worse than allowed, with 95 % confidence after 171 units of candidate \(ln E 1\.2; 3 needed\)\.$/,
    );
    const anyMore = aMetric('wrong-pictures', { ...factor, kind: 'lower-tail', estimate: none.estimate });
    expect(harmMessage(anyMore, specOf('wrong-pictures', relative(0.5), 'any-harm'), 0.05)).toMatch(
      /^wrong-pictures of candidate is more frequent than in control: proven/,
    );
  });

  it('leaves the overall estimates out where they contradict the effect under the same allocation', () => {
    const metric = aMetric('error-rate', { estimate: { control: 0.00982, candidate: 0.01, effect: -0.0001 } });
    expect(
      weakestMessage({ weakest: metric, lnE: 3.1, provenForPpm: 1e6 }, specOf('error-rate', absolute(0.005)), 0.05),
    ).toBe(
      'Hardest to prove: error-rate of candidate is 0.01 percentage points below control and is not more than 0.5 percentage points above control, with 95 % confidence after 171 units of candidate (ln E 3.1; 3 needed).',
    );
  });

  it('compares with the control that the experiment names', () => {
    const spec = { ...specOf('error-rate', absolute(0.005)), control: 'sdxl-fp16' };
    expect(harmMessage(aMetric('error-rate'), spec, 0.05)).toContain('above sdxl-fp16 (3 % against 1 %)');
  });
});
