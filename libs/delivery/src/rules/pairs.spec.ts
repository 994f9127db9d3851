import { describe, expect, it } from 'vitest';
import { type ExperimentSpec, MILLION, type PairsAnalysis } from '#libs/contracts';
import { aMetric, analysed, aPairedMetric, aShadow, aSpec, somePairs, T0 } from '#libs/testing/delivery';
import { allowedByPairs, harmfulByPairs, isShadowDone, lacksPairs } from './pairs.js';

const { control, candidate } = aSpec().variants as Record<'control' | 'candidate', ExperimentSpec['variants'][string]>;
const one = aSpec(aShadow());
const two = aSpec({ ...aShadow(), variants: { control, candidate, b: candidate } });
const said = (...pairs: PairsAnalysis[]) =>
  analysed(T0, [aMetric('alignment'), aMetric('error-rate')], { pairs, requests: { control: 3_500, candidate: 0 } })
    .analysis;
const ofB = (pairs: PairsAnalysis): PairsAnalysis => ({ ...pairs, candidate: 'b' });
/** At these shares a guardrail is proven, with a ln E each. */
const proven = (metric: string, lnE: number, upTo = MILLION) =>
  aPairedMetric(metric, {
    budget: [10_000, 20_000, 50_000, 100_000, 200_000, 500_000, MILLION].map((sharePpm) => ({
      sharePpm,
      margin: 1,
      lnENonInferior: lnE,
      nonInferior: sharePpm <= upTo,
    })),
  });
const withHarm = (metric: string, harmful: number) =>
  aPairedMetric(metric, { verdict: 'harmful', lnE: { harmful, nonInferior: -4, superior: -5 } });

const allowed = (spec: ExperimentSpec, ...pairs: PairsAnalysis[]) => allowedByPairs(spec, said(...pairs)).stage;

const metrics = [proven('alignment', 4), proven('error-rate', 5)];
const naming = (allowsPpm: number, stage: number) =>
  somePairs(350, MILLION, { allowsPpm, firstStage: { stage, sharePpm: 0 }, metrics });

describe('the share that pairs allow', () => {
  it('is no larger than they say, whatever stage they name; and no later stage than they name', () => {
    expect(allowed(one, naming(50_000, 6))).toBe(2);
    expect(allowed(one, naming(MILLION, 3))).toBe(3);
  });

  it('is never all of the traffic, also where they would allow it', () => {
    expect(allowed(one, somePairs(350, MILLION, { firstStage: { stage: 6, sharePpm: MILLION }, metrics }))).toBe(5);
  });

  it('is proven by every guardrail of the file at that very share', () => {
    const short = [proven('alignment', 4, 100_000), proven('error-rate', 5)];
    const pairs = somePairs(350, MILLION, { firstStage: { stage: 5, sharePpm: 500_000 }, metrics: short });
    expect(allowed(one, pairs)).toBe(3);
  });

  it('is that of every candidate: none of one that has no pairs, or of which a guardrail is missing', () => {
    const all = somePairs(350, 200_000);
    const half = { ...all, metrics: all.metrics.slice(0, 1) };
    expect(allowed(two, all)).toBe(0);
    expect(allowed(two, half, ofB(half))).toBe(0);
    expect(allowed(two, all, ofB(half))).toBe(0);
    expect(allowed(two, all, ofB(somePairs(350, 50_000)))).toBe(2);
  });

  it('rests on the guardrail that was hardest to prove', () => {
    const pairs = somePairs(350, 200_000, { metrics: [proven('alignment', 9), proven('error-rate', 3.2)] });
    expect(allowedByPairs(one, said(pairs)).proof).toMatchObject({ metric: { metric: 'error-rate' }, lnE: 3.2 });
  });
});

describe('harm by pairs', () => {
  it('is told of the guardrail with the strongest proof', () => {
    const pairs = somePairs(350, 0, { metrics: [withHarm('alignment', 3.1), withHarm('error-rate', 8)] });
    expect(harmfulByPairs(one, said(pairs))?.metric.metric).toBe('error-rate');
    const ofBoth = [pairs, ofB(somePairs(350, 0, { metrics: [withHarm('alignment', 12)] }))];
    expect(harmfulByPairs(two, said(...ofBoth))?.metric).toMatchObject({ metric: 'alignment', candidate: 'b' });
  });
});

const without = (reason: string) =>
  somePairs(350, 0, {
    metrics: [aPairedMetric('alignment', { n: 0, verdict: 'unmeasurable', reason }), aPairedMetric('error-rate')],
  });

describe('pairs that do not come', () => {
  it('are missing where one candidate of several has none', () => {
    expect(lacksPairs(two, said(somePairs(40, 0)))).toBe(true);
    expect(lacksPairs(two, said())).toBe(true);
    expect(lacksPairs(two, said(somePairs(40, 0), ofB(somePairs(1, 0))))).toBe(false);
  });

  it('are not complete while one candidate has too few, and are where values are missing that no pair can have', () => {
    expect(isShadowDone(two, said(somePairs(350, 0)))).toBe(false);
    expect(isShadowDone(two, said(somePairs(350, 0), ofB(somePairs(349, 0))))).toBe(false);
    expect(isShadowDone(two, said(somePairs(350, 0), ofB(somePairs(350, 0))))).toBe(true);
    expect(isShadowDone(one, said(without('not-paired')))).toBe(true);
    expect(isShadowDone(one, said(without('no-data')))).toBe(false);
  });
});
