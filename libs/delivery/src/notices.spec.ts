import { describe, expect, it } from 'vitest';
import type { ExperimentAnalysed } from '#libs/contracts';
import { aMetric, analysed, aSpec, define, hours, minutes, operator, SCORES_SILENT, T0 } from '#libs/testing/delivery';
import { given } from '#libs/testing/delivery';
import { analyse, evidenceDesign, foldEvent, initialEvidence, type ObservedEvent } from '#libs/evidence';
import { simulationRandom } from '#libs/testing/random';
import { definition, SimulatedTraffic } from '#libs/testing/traffic';
import { noticesOf } from './notices.js';

const HOUR_MS = 3_600_000;
const forecast = { units: 27_000, hardest: 'alignment', unknown: [] as string[] };
const recently = (newUnits: number, requests = 2_000, seconds = 20): Partial<ExperimentAnalysed> => ({
  forecast,
  health: {
    ...analysed(T0, []).analysis.health,
    newUnits: { status: 'ok', requests, newUnits, share: newUnits / requests, seconds },
  },
});
const early = { elapsedMs: HOUR_MS, leftMs: 23 * HOUR_MS };
const said = (overrides: Partial<ExperimentAnalysed>, spec = aSpec(), clock = early): readonly string[] =>
  noticesOf(spec, analysed(T0, [], overrides).analysis, clock).map(({ kind, message }) =>
    `${kind}: ${message}`.replaceAll('\u202f', ' '),
  );

describe('a control that is broken itself', () => {
  const failing = aMetric('error-rate', {
    n: { control: { units: 900, events: 900 }, candidate: { units: 300, events: 300 } },
    estimate: { control: 0.6, candidate: 0.02, effect: -0.58 },
  });
  const noticed = (spec = aSpec()) => noticesOf(spec, analysed(T0, [failing]).analysis, early)[0];

  it.each([
    [undefined, 'the shares stay as they are (onBrokenControl: hold).'],
    ['rollback', 'all traffic goes to control all the same (onBrokenControl: rollback).'],
    ['promote', 'all traffic goes to candidate (onBrokenControl: promote).'],
  ] as const)('is told, with what becomes of the traffic: %s', (onBrokenControl, ending) => {
    expect(noticed(aSpec(onBrokenControl === undefined ? {} : { onBrokenControl }))).toEqual({
      kind: 'broken-control',
      message: `control itself is broken: 60 % of its own requests fail. Look at it now. Proven harm still rolls back, and a candidate that is proven is promoted. If the experiment ends without a verdict meanwhile, ${ending}`,
    });
  });

  it('is not while it works', () => {
    expect(noticesOf(aSpec(), analysed(T0, [aMetric('error-rate')]).analysis, early)).toEqual([]);
  });
});

describe('the outlook of an experiment', () => {
  it('is said from the forecast and the traffic as it is', () => {
    expect(said(recently(1_900))).toEqual([
      'outlook: An equal candidate is promoted after about 27 000 more new users (alignment takes longest): 4.74 min at the present rate.',
    ]);
  });

  it('is none before anything is known, and when nothing is left to prove', () => {
    expect(said({})).toEqual([]);
    expect(said({ forecast: { units: 0, hardest: null, unknown: [] } })).toEqual([]);
  });

  it('says what is not known yet', () => {
    expect(said({ ...recently(2_000), forecast: { ...forecast, unknown: ['cost-per-image'] } })[0]).toContain(
      'is promoted after at least 27 000 more new users (alignment takes longest; of cost-per-image too little is known yet)',
    );
  });

  it('says early that new users are too few, how long it takes and what helps', () => {
    expect(said(recently(700))).toEqual([
      'few-new-units: Few new users: of the last 2 000 requests 35 % came from new users, and only those are new evidence. ' +
        'An equal candidate is promoted after about 27 000 more new users (alignment takes longest): at least 77 000 requests, 12.9 min at the present rate. ' +
        'The deadline is in 23 h. ' +
        'What helps, as a new revision: unit: session or unit: request, a wider margin for alignment, a larger first share or a longer deadline.',
    ]);
  });

  it('says when none come any more', () => {
    expect(said(recently(0))[0]).toMatch(
      /^few-new-units: No new users come any more: .* Nothing more can be proven of an equal candidate\. What helps, .*unit: request/,
    );
  });

  it('of an experiment on requests is never that new ones are few', () => {
    expect(said(recently(700), aSpec({ unit: 'request' }))).toEqual([expect.stringMatching(/^outlook: /)]);
  });

  it('says that ten requests a day do not suffice, when chance can not explain them any more', () => {
    const slow = { forecast, requests: { control: 5, candidate: 0 }, units: { control: 5, candidate: 0 } };
    const after = (elapsedHours: number) =>
      said(slow, aSpec(), { elapsedMs: elapsedHours * HOUR_MS, leftMs: (24 - elapsedHours) * HOUR_MS });
    expect(after(12)).toEqual([
      'too-late: The proof will not be done before the deadline. ' +
        'An equal candidate is promoted after about 27 000 more new users (alignment takes longest): 2 700 days at the present rate. ' +
        'The deadline is in 12 h. ' +
        'What helps, as a new revision: a wider margin for alignment, a larger first share or a longer deadline.',
    ]);
    expect(after(1)).toEqual([expect.stringMatching(/^too-late: /)]);
    // Traffic may just be beginning.
    expect(after(0.1)).toEqual([expect.stringMatching(/^outlook: /)]);
  });

  it('is not too late while the newest traffic would suffice, or chance could explain the count', () => {
    const slowSoFar = {
      ...recently(2_000),
      requests: { control: 30, candidate: 0 },
      units: { control: 30, candidate: 0 },
    };
    expect(said(slowSoFar)).toEqual([expect.stringMatching(/^outlook: /)]);
    const nearly = {
      forecast: { ...forecast, units: 200 },
      requests: { control: 6, candidate: 0 },
      units: { control: 6, candidate: 0 },
    };
    expect(said(nearly)).toEqual([expect.stringMatching(/^outlook: /)]);
  });

  it('says of margins that can never be proven that they can not', () => {
    expect(said({ ...recently(2_000), forecast: { ...forecast, units: null } })).toEqual([
      'too-late: The proof will not be done before the deadline. At these margins an equal candidate is never promoted (alignment takes longest). ' +
        'The deadline is in 23 h. What helps, as a new revision: a wider margin for alignment.',
    ]);
  });

  it('says that a silent source which nobody needs holds nothing', () => {
    const errors = aSpec({ guardrails: aSpec().guardrails.filter(({ metric }) => metric === 'error-rate') });
    expect(said({ health: SCORES_SILENT }, errors)).toEqual([
      'unneeded-silence: The scorer is silent (last request 2026-11-20T10:15:30.990Z). No guardrail and no objective needs it, so it holds nothing.',
    ]);
    expect(said({ health: SCORES_SILENT })).toEqual([]);
  });
});

const few = (atMinute: number) => analysed(minutes(atMinute), [], recently(700));

describe('an experiment of which a tenth of the users make 60 % of the requests', () => {
  it('says within its first 5,000 requests that new users are too few, how long it takes and what helps', () => {
    const experiment = definition({ guardrails: definition().spec.guardrails.slice(0, 1) });
    const design = evidenceDesign(experiment, 1);
    const traffic = new SimulatedTraffic(5);
    const random = simulationRandom(9);
    const evidence = initialEvidence(design);
    for (let request = 0; request < 5_000; request++) {
      const unit =
        random.uniform() < 0.6 ? `heavy${random.uniform().toFixed(3)}` : `light${Math.floor(9_000 * random.uniform())}`;
      const [routed] = traffic.next();
      const { data } = routed!;
      const assignment = { ...data.assignment!, unit };
      foldEvent(evidence, design, { ...routed, subject: unit, data: { ...data, assignment } } as ObservedEvent);
    }
    const analysis = { ...analyse(evidence, design, traffic.atMs), analysisId: '', analysedAt: '' };
    const [notice] = noticesOf(experiment.spec, analysis, { elapsedMs: 50_000, leftMs: 86_350_000 });
    expect(notice?.kind).toBe('few-new-units');
    expect(notice?.message).toMatch(/came from new users.*at least .* requests, .* min at the present rate/);
    expect(notice?.message).toMatch(/What helps, .*unit: request, a wider margin for error-rate, a larger first share/);
  });
});

describe('an alert', () => {
  it('tells of few new users once per revision', () => {
    given(define(T0)).when(few(60)).thenDecided({ type: 'alert-raised', alert: 'few-new-units' });
    given(define(T0), few(60)).when(few(61)).thenNothing();
    given(define(T0), few(60), define(minutes(62), aSpec({ alpha: 0.01 })))
      .when(analysed(minutes(120), [], { ...recently(700), revision: 2 }))
      .thenDecided({ type: 'alert-raised', alert: 'few-new-units' });
  });

  it('counts the time without the pauses', () => {
    const slow = { forecast, requests: { control: 5, candidate: 0 }, units: { control: 5, candidate: 0 } };
    const paused = [define(T0), operator('pause', minutes(6)), operator('resume', hours(20))] as const;
    given(...paused)
      .when(analysed(hours(20.1), [], slow))
      .thenNothing();
    given(define(T0))
      .when(analysed(hours(20.1), [], slow))
      .thenDecided({ type: 'alert-raised', alert: 'too-late' });
  });
});

const shareWith = (furthest: number) => ({ values: 0.001, sum: furthest, furthest });

const withFurthest = (control: number, candidate: number, units = 400) =>
  said({
    metrics: [
      aMetric('cost-per-image', {
        n: { control: { units, events: units }, candidate: { units, events: units } },
        clipped: [{ low: 0, high: 0.02, control: shareWith(control), candidate: shareWith(candidate) }],
      }),
    ],
  });

describe('a single value that makes up most of a sum', () => {
  it('is named, of either variant', () => {
    expect(withFurthest(0.1, 0.974)).toEqual([
      'outlying-value: A single value of candidate makes up 97.4 % of the sum of its cost-per-image: look whether it was measured rightly. By itself it neither proves nor holds anything, a second one like it holds the ramp.',
    ]);
    expect(withFurthest(0.6, 0)[0]).toContain('A single value of control makes up 60 %');
  });

  it('is nothing to speak of where it is a part of the sum, or of few units', () => {
    expect(withFurthest(0.3, 0.2)).toEqual([]);
    expect(withFurthest(0.9, 0.9, 20)).toEqual([]);
  });
});
