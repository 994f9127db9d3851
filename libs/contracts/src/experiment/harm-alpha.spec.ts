import { describe, expect, it } from 'vitest';
import { harmAlphaOf } from './harm-alpha.js';

const guardrail = (metric: string, weight?: number) => ({
  metric,
  margin: { kind: 'absolute' as const, value: 1 },
  rollbackOn: 'any-harm' as const,
  ...(weight === undefined ? {} : { weight }),
});
const variant = { upstream: 'http://a', config: { checkpoint: 'a', sampler: 'b', steps: 1, precision: 'c' } };
const spec = {
  alpha: 0.05,
  control: 'control',
  variants: { control: variant, candidate: variant },
  guardrails: [guardrail('errors', 3), guardrail('latency'), guardrail('cost')],
};
const levels = (of: Parameters<typeof harmAlphaOf>[0]): readonly number[] =>
  of.guardrails.map(({ metric }) => harmAlphaOf(of, metric));

describe('the level at which harm is proven', () => {
  it('is α for every guardrail, unless the experiment shares it', () => {
    expect(levels(spec)).toEqual([0.05, 0.05, 0.05]);
    expect(levels({ ...spec, alphaPer: 'guardrail' })).toEqual([0.05, 0.05, 0.05]);
  });

  it('is shared by weights, and adds up to α over all guardrails and candidates', () => {
    expect(levels({ ...spec, alphaPer: 'experiment' })).toEqual(
      [0.05 * 0.6, 0.01, 0.01].map((level) => expect.closeTo(level, 12)),
    );
    const variants = { ...spec.variants, other: variant };
    const two = levels({ ...spec, variants, alphaPer: 'experiment' });
    expect(2 * two.reduce((sum, level) => sum + level, 0)).toBeCloseTo(0.05, 12);
  });

  it('of what is no guardrail is α', () => {
    expect(harmAlphaOf({ ...spec, alphaPer: 'experiment' }, 'gpu-seconds')).toBe(0.05);
  });
});
