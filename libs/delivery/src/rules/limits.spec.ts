import type { ExperimentSpec, LimitReading, MetricAnalysis } from '#libs/contracts';
import {
  aMetric,
  analysed,
  aSpec,
  define,
  given,
  minutes,
  provenUpTo,
  SCORES_SILENT,
  T0,
  tick,
} from '#libs/testing/delivery';
import { describe, expect, it } from 'vitest';
import type { DeliveryInput } from '../index.js';

type Verdict = LimitReading['verdict'];

const limited = (overrides: Partial<ExperimentSpec> = {}): ExperimentSpec =>
  aSpec({ limits: [{ metric: 'error-rate', kind: 'at-most', value: 0.05 }], ...overrides });

const reading = (verdict: Verdict, isBrokenNow = false): LimitReading => ({
  verdict,
  isBrokenNow,
  units: 300,
  lnE: { beyond: verdict === 'beyond' ? 9 : -2, within: verdict === 'within' ? 5 : -1 },
});

/** Every guardrail proven for all traffic, and what the limit's evidence says of both. */
const everythingProven = (control: LimitReading, candidate: LimitReading): MetricAnalysis[] => [
  provenUpTo('alignment', 1_000_000),
  { ...provenUpTo('error-rate', 1_000_000), limit: { kind: 'at-most', value: 0.05, control, candidate } },
];

const now = (control: LimitReading, candidate: LimitReading): DeliveryInput =>
  analysed(minutes(1), everythingProven(control, candidate));

describe('an absolute limit', () => {
  const start = define(T0, limited());

  it('has to be proven before everybody gets the candidate', () => {
    given(start)
      .when(now(reading('within'), reading('within')))
      .thenDecided({ type: 'promoted' });
    given(start)
      .when(now(reading('undecided'), reading('undecided')))
      .thenDecided({ type: 'advanced', command: { weightsPpm: { candidate: 500_000 } } });
    given(start)
      .when(analysed(minutes(1), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)]))
      .thenDecided({ type: 'advanced', command: { weightsPpm: { candidate: 500_000 } } });
  });

  it('rolls back a candidate that is beyond it where control is within', () => {
    given(start)
      .when(now(reading('within'), reading('beyond')))
      .thenDecided({
        type: 'rolled-back',
        command: {
          reason: 'harmful',
          message:
            "error-rate of candidate is 3 %; at most 5 % is allowed, whatever control's is. Proven beyond the limit, with 95 % confidence after 300 units of candidate (ln E 9; 3 needed); control is proven within.",
          evidence: { metric: 'error-rate', lnE: 9 },
        },
      });
  });

  it.each([
    ['proven', reading('beyond'), reading('beyond')],
    ['at present', reading('undecided', true), reading('undecided', true)],
    ['in the candidate, while control is not known', reading('undecided'), reading('beyond')],
  ])('holds and tells people in an outage: %s', (_what, control, candidate) => {
    const { events } = given(start).when(now(control, candidate));
    expect(events()).toContainEqual(expect.objectContaining({ type: 'held', causes: ['limit-exceeded'] }));
    expect(events().some(({ type }) => type === 'rolled-back' || type === 'promoted')).toBe(false);
  });

  it('is not needed to keep a candidate of which most requests fail from everybody', () => {
    const estimate = { control: 1, candidate: 1, effect: 0 };
    given(define(T0))
      .when(
        analysed(minutes(1), [
          provenUpTo('alignment', 1_000_000),
          { ...provenUpTo('error-rate', 1_000_000), estimate },
        ]),
      )
      .thenDecided(
        { type: 'alert-raised', alert: 'control-unhealthy' },
        { type: 'advanced', command: { weightsPpm: { candidate: 500_000 } } },
      );
  });

  it('lets the ramp go on when both are within it again', () => {
    given(start, now(reading('beyond'), reading('beyond')))
      .when(analysed(minutes(2), everythingProven(reading('within'), reading('within'))))
      .thenDecided({ type: 'alert-raised', alert: 'control-recovered' }, { type: 'recovered' });
  });
});

describe('a control that is broken itself', () => {
  const broken = now(reading('beyond'), reading('within'));
  const held = (spec: Partial<ExperimentSpec>): DeliveryInput[] => [
    define(T0, limited({ deadlineMs: 600_000, ...spec })),
    analysed(
      minutes(1),
      [
        {
          ...aMetric('error-rate'),
          limit: { kind: 'at-most', value: 0.05, control: reading('beyond'), candidate: reading('within') },
        },
      ],
      { health: SCORES_SILENT },
    ),
  ];

  it('is said, and a candidate that is proven is promoted all the same', () => {
    given(define(T0, limited())).when(broken).thenDecided(
      {
        type: 'alert-raised',
        alert: 'control-unhealthy',
        message: 'control itself is broken: error-rate of control is 1 %; at most 5 % is allowed. Look at it now.',
      },
      { type: 'promoted' },
    );
  });

  it.each([
    ['hold', { control: 990_000, candidate: 10_000 }, /control itself is broken: the shares stay as they are/],
    ['rollback', { control: 1_000_000, candidate: 0 }, /all traffic goes to control, although it is broken itself/],
    ['promote', { control: 0, candidate: 1_000_000 }, /control itself is broken: all traffic goes to candidate/],
  ] as const)(
    'gets the traffic back at the deadline only where the file says so: %s',
    (onBrokenControl, weightsPpm, words) => {
      given(...held({ onBrokenControl }))
        .when(tick(minutes(11)))
        .thenDecided({ type: 'concluded', command: { weightsPpm, message: expect.stringMatching(words) } });
    },
  );

  it('is broken where half of its requests fail, and where its latency has no end', () => {
    const failing = { ...aMetric('error-rate'), estimate: { control: 0.8, candidate: 0.01, effect: -0.79 } };
    given(define(T0))
      .when(analysed(minutes(1), [failing]))
      .thenDecided({ type: 'alert-raised', alert: 'control-unhealthy', message: /80 % of its own requests fail/ });
    const endless: MetricAnalysis = {
      ...aMetric('latency-p95', { kind: 'upper-tail', unit: 'ms', direction: 'lower' }),
      estimate: { control: null, candidate: 900, effect: null },
      missing: { effect: 'infinite', interval: 'infinite', evidence: null },
    };
    const guardrails = [
      {
        metric: 'latency-p95',
        margin: { kind: 'relative' as const, value: 0.1 },
        rollbackOn: 'beyond-margin' as const,
      },
    ];
    given(define(T0, aSpec({ guardrails })))
      .when(analysed(minutes(1), [endless]))
      .thenDecided({
        type: 'alert-raised',
        alert: 'control-unhealthy',
        message: expect.stringContaining('latency-p95 of control has no end'),
      });
  });
});
