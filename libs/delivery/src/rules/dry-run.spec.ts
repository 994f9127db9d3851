import { describe, expect, it } from 'vitest';
import type { MetricAnalysis } from '#libs/contracts';
import {
  aMetric,
  analysed,
  aSpec,
  define,
  given,
  harmful,
  logOf,
  minutes,
  provenUpTo,
  T0,
} from '#libs/testing/delivery';
import type { DeliveryEvent } from '../events.js';
import { evolve } from '../evolve.js';
import type { DeliveryInput } from '../inputs.js';
import { noticesOf } from '../notices.js';
import { initialState } from '../state.js';

const [alignment, errorRate] = aSpec().guardrails as [
  ReturnType<typeof aSpec>['guardrails'][number],
  ReturnType<typeof aSpec>['guardrails'][number],
];
const spec = aSpec({ guardrails: [errorRate], dryRun: [alignment] });
const logAfter = (...inputs: readonly DeliveryInput[]): readonly DeliveryEvent[] => logOf(define(T0, spec), ...inputs);
const typesOf = (...inputs: readonly DeliveryInput[]): readonly string[] => logAfter(...inputs).map(({ type }) => type);
const unmeasurable: MetricAnalysis = aMetric('alignment', {
  verdict: 'unmeasurable',
  reason: 'scorer-changed',
  lnE: null,
});

const harm = (minute: number) => analysed(minutes(minute), [harmful('alignment'), aMetric('error-rate')]);

describe('a guardrail on trial', () => {
  it('rolls nothing back: people are told once that it would have, and by which numbers', () => {
    const told = logAfter(harm(1), harm(2)).filter(({ type }) => type === 'alert-raised');
    expect(told).toEqual([
      expect.objectContaining({
        alert: 'dry-run-harm',
        about: 'alignment of candidate',
        message: expect.stringMatching(
          /^Dry run, decides nothing: the guardrail on alignment would have rolled back\. alignment of candidate is .* below control .*ln E 3\.4/,
        ),
      }),
    ]);
    expect(typesOf(harm(1), harm(2))).toEqual(['defined', 'started', 'alert-raised']);
  });

  it('neither lets a share rise nor keeps it from rising', () => {
    const proven = provenUpTo('error-rate', 1_000_000);
    expect(typesOf(analysed(minutes(1), [proven]))).toContain('promoted');
    expect(typesOf(analysed(minutes(1), [proven, harmful('alignment')]))).toContain('promoted');
    expect(typesOf(analysed(minutes(1), [provenUpTo('alignment', 1_000_000)]))).toEqual(['defined', 'started']);
  });

  it('holds nothing where it cannot be measured: people read that it would', () => {
    const { analysis } = analysed(minutes(1), [unmeasurable]);
    expect(typesOf(analysed(minutes(1), [unmeasurable]))).toEqual(['defined', 'started']);
    expect(noticesOf(spec, analysis, { elapsedMs: 1, leftMs: 1 })).toContainEqual({
      kind: 'dry-run',
      about: 'alignment of candidate',
      message: expect.stringContaining('the guardrail on alignment would hold the ramp'),
    });
  });

  it('becomes one that decides in place, and is judged by what comes from then on', () => {
    const decides = aSpec({ guardrails: [errorRate, alignment] });
    given(define(T0, spec))
      .when(define(minutes(1), decides))
      .thenDecided({ type: 'policy-changed', changes: ['guardrail alignment is new', 'dry run of alignment is gone'] });
    const state = logAfter(define(minutes(1), decides)).reduce(evolve, initialState);
    expect(state).toMatchObject({ revision: 1, policy: 1, judgedSince: { alignment: 1 } });
  });
});
