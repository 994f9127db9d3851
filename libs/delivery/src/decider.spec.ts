import type { ExperimentSpec } from '#libs/contracts';
import { describe, expect, it } from 'vitest';
import {
  aMetric,
  analysed,
  applied,
  approval,
  aSpec,
  aUtility,
  aStage,
  COVERAGE_GAP,
  define,
  explicitRamp,
  harmful,
  HEALTHY,
  hours,
  minutes,
  objectives,
  operator,
  provenUpTo,
  restarted,
  SCORES_SILENT,
  SPLIT_IS_OFF,
  T0,
  TELEMETRY_SILENT,
  tick,
} from '#libs/testing/delivery';
import type { AnalysisHealth, ConsistencyFinding } from '#libs/contracts';
import { given, logOf } from '#libs/testing/delivery';
import { ownMetrics } from '#libs/testing/traffic';
import {
  decider,
  nextTimerAtMs,
  rebuild,
  type CommandEvent,
  type DeliveryEvent,
  type DeliveryInput,
  type HoldCause,
} from './index.js';

const TO_CONTROL = { control: 1_000_000, candidate: 0 };
const TO_CANDIDATE = { control: 0, candidate: 1_000_000 };
const allProven = (sharePpm: number) => [provenUpTo('alignment', sharePpm), provenUpTo('error-rate', sharePpm)];
const proven = (atMinute: number): DeliveryInput => analysed(minutes(atMinute), allProven(1_000_000));
/** Of control's last hundred requests so many failed. */
const failing = (failures: number) => ({
  health: { ...HEALTHY, recent: { control: { seconds: 60, requests: 100, failures } } },
});
const safe = (candidate: string) => allProven(1_000_000).map((metric) => ({ ...metric, candidate }));
const started: DeliveryInput = define(T0);
const commandsOf = (...inputs: readonly DeliveryInput[]): CommandEvent['command'][] =>
  logOf(...inputs).flatMap((event) => ('command' in event ? [event.command] : []));
const lastCommand = (...inputs: readonly DeliveryInput[]): CommandEvent['command'] =>
  commandsOf(...inputs).at(-1) as CommandEvent['command'];

const deliveryByDefault = (value: number): ExperimentSpec['guardrails'][number] => ({
  metric: 'delivery-rate',
  margin: { kind: 'absolute', value },
  rollbackOn: 'beyond-margin',
  byDefault: true,
});

describe('a specification', () => {
  it('starts at its first stage under the first epoch', () => {
    given()
      .when(started)
      .thenDecided(
        { type: 'defined', definition: { revision: 1, definedBy: 'ana' } },
        {
          type: 'started',
          command: {
            command: 'start',
            epoch: 1,
            stage: 0,
            weightsPpm: { control: 990_000, candidate: 10_000 },
            reason: 'started',
            terminal: false,
          },
        },
      );
  });

  it('changes nothing when it is applied again', () => {
    given(started)
      .when(define(minutes(1)))
      .thenNothing();
  });

  it('keeps its evidence where a newer version guards more by default, or by another margin', () => {
    const spec = aSpec();
    const guarded = (value: number) => aSpec({ guardrails: [...spec.guardrails, deliveryByDefault(value)] });
    given(started)
      .when(define(minutes(1), guarded(0.02)))
      .thenNothing();
    given(define(minutes(0), guarded(0.02)))
      .when(define(minutes(1), guarded(0.01)))
      .thenNothing();
    given(define(minutes(0), guarded(0.02)))
      .when(define(minutes(1), spec))
      .thenDecided({ type: 'policy-changed', definition: { revision: 1, policy: 1 } });
    const { byDefault: _unsaid, ...written } = deliveryByDefault(0.02);
    given(started)
      .when(define(minutes(1), aSpec({ guardrails: [...spec.guardrails, written] })))
      .thenDecided({ type: 'policy-changed', definition: { revision: 1, policy: 1 } });
  });

  it('is a new revision without evidence when a fingerprint has changed', () => {
    const fingerprints = { control: 'fingerprint-control', candidate: 'another checkpoint' };
    given(started, analysed(minutes(1), allProven(200_000)))
      .when(define(minutes(2), aSpec(), { fingerprints }))
      .thenDecided(
        { type: 'defined', definition: { revision: 2, fingerprints } },
        { type: 'started', command: { revision: 2, stage: 0, epoch: 3, weightsPpm: { candidate: 10_000 } } },
      );
  });

  it('is not judged by the evidence of another revision', () => {
    const secondRevision = define(minutes(1), aSpec({ alpha: 0.01 }));
    given(started, secondRevision)
      .when(analysed(minutes(2), [harmful('alignment')], { revision: 1 }))
      .thenNothing();
    given(started)
      .when(analysed(minutes(2), [harmful('alignment')], { revision: 7 }))
      .thenNothing();
  });

  it('that would give everybody the candidate at once is refused', () => {
    given()
      .when(define(T0, aSpec({ ramp: explicitRamp(aStage(1_000_000)) })))
      .thenRefused('no-canary-stage', /smaller first stage/);
  });

  it('whose first stage needs an approval waits for it', () => {
    const spec = aSpec({ ramp: explicitRamp(aStage(10_000, { approval: 'required' }), aStage(1_000_000)) });
    given().when(define(T0, spec)).thenDecided({ type: 'defined' });
    given(define(T0, spec))
      .when(analysed(minutes(1), allProven(1_000_000)))
      .thenNothing();
    given(define(T0, spec))
      .when(approval(minutes(1)))
      .thenDecided({ type: 'approved', stage: 0 }, { type: 'started', command: { epoch: 1, actor: 'ana' } });
    given(define(T0, spec))
      .when(operator('rollback', minutes(1)))
      .thenRefused('not-started');
  });

  it('that waits for an approval does not replace a candidate that is being served', () => {
    const gated = aSpec({ ramp: explicitRamp(aStage(10_000, { approval: 'required' }), aStage(1_000_000)) });
    given(started)
      .when(define(minutes(1), gated))
      .thenRefused('still-active', /roll the old one back first/);
  });
});

describe('harm', () => {
  it('rolls back to control, with the numbers', () => {
    const input = analysed(minutes(3), [harmful('alignment'), provenUpTo('error-rate', 50_000)]);
    given(started)
      .when(input)
      .thenDecided({
        type: 'rolled-back',
        command: {
          command: 'rollback',
          epoch: 2,
          weightsPpm: TO_CONTROL,
          reason: 'harmful',
          message:
            'alignment of candidate is 2.21 % below control (0.93 against 0.951); allowed is −1 %. Proven worse than allowed, with 95 % confidence after 171 units of candidate (ln E 3.4; 3 needed).',
          evidence: {
            analysisId: input.analysis.analysisId,
            metric: 'alignment',
            lnE: 3.4,
            units: 171,
            metricAnalysis: input.analysis.metrics[0],
          },
          terminal: true,
        },
      });
  });

  it('is named by its strongest evidence', () => {
    const worse = aMetric('error-rate', { verdict: 'harmful', lnE: { harmful: 8, nonInferior: -20 } });
    const command = lastCommand(started, analysed(minutes(1), [harmful('alignment'), worse]));
    expect(command.evidence?.metric).toBe('error-rate');
  });

  it('is evaluated before health: a sample-ratio alarm hides no failing guardrail', () => {
    for (const health of [SPLIT_IS_OFF, COVERAGE_GAP, SCORES_SILENT]) {
      given(started)
        .when(analysed(minutes(1), [harmful('alignment')], { health }))
        .thenDecided({ type: 'rolled-back', command: { reason: 'harmful' } });
    }
  });

  it('outvotes everything that is proven to be fine', () => {
    given(started)
      .when(analysed(minutes(1), [provenUpTo('alignment', 1_000_000), harmful('error-rate')]))
      .thenDecided({ type: 'rolled-back' });
  });

  it('counts while held or paused, after the deadline, and from an analysis that has not seen the last epoch', () => {
    const held = analysed(minutes(1), [], { health: SCORES_SILENT });
    const harm = analysed(minutes(2), [harmful('alignment')], { epoch: 0 });
    given(started, held).when(harm).thenDecided({ type: 'rolled-back' });
    given(started, operator('pause', minutes(1)))
      .when(harm)
      .thenDecided({ type: 'rolled-back' });
    given(started)
      .when(analysed(minutes(60 * 25), [harmful('alignment')]))
      .thenDecided({ type: 'rolled-back', command: { reason: 'harmful' } });
  });

  it('ends a candidate that an operator promoted before it was known', () => {
    given(started, operator('promote', minutes(1)))
      .when(analysed(minutes(2), [harmful('alignment')]))
      .thenDecided({ type: 'rolled-back', command: { weightsPpm: TO_CONTROL } });
  });

  it('of a metric that is no guardrail, or of no candidate, decides nothing', () => {
    given(started)
      .when(analysed(minutes(1), [harmful('cost-per-image')]))
      .thenNothing();
    given(started)
      .when(analysed(minutes(1), [{ ...harmful('alignment'), candidate: 'control' }]))
      .thenNothing();
  });

  it('orders nothing where an end without a verdict has left nobody with a candidate: it is kept in mind, once', () => {
    const late = analysed(minutes(60 * 25), [harmful('alignment')]);
    given(started, tick(minutes(60 * 24)))
      .when(late)
      .thenDecided({ type: 'arm-disqualified', variant: 'candidate' });
    given(started, tick(minutes(60 * 24)), late)
      .when(late)
      .thenNothing();
    given(define(T0, aSpec({ onInconclusive: 'hold' })), tick(minutes(60 * 24)))
      .when(analysed(minutes(60 * 25), [harmful('alignment')]))
      .thenDecided({ type: 'rolled-back', command: { weightsPpm: TO_CONTROL } });
  });

  it("11: looks at control's recent requests, not at those of the whole night, also when a person rolls back", () => {
    const night = aMetric('error-rate', { estimate: { control: 0.01, candidate: 0.01, effect: 0 } });
    const alarm = {
      type: 'alert-raised' as const,
      alert: 'control-unhealthy',
      message: expect.stringContaining('80 of 100'),
    };
    given(started)
      .when(analysed(minutes(1), [night, harmful('alignment')], failing(80)))
      .thenDecided({ type: 'rolled-back', command: { weightsPpm: TO_CONTROL } }, alarm);
    const bySomebody = operator('rollback', minutes(2));
    const { analysis } = analysed(minutes(1), [night], failing(80));
    given(started)
      .when({ ...bySomebody, analysis })
      .thenDecided({ type: 'rolled-back', command: { weightsPpm: TO_CONTROL } }, alarm);
    // Of another revision, and none at all: what was told last counts.
    given(started)
      .when({ ...bySomebody, analysis: { ...analysis, revision: 7 } })
      .thenDecided({ type: 'rolled-back' });
    given(started, analysed(minutes(1), [night], failing(80)))
      .when(bySomebody)
      .thenDecided(
        { type: 'rolled-back' },
        { type: 'alert-raised', message: expect.stringContaining('broken itself: that was so') },
      );
    // Broken for most of the night, and well now.
    const mended = aMetric('error-rate', { estimate: { control: 0.9, candidate: 0.01, effect: -0.89 } });
    given(started)
      .when({ ...bySomebody, analysis: analysed(minutes(1), [mended], failing(1)).analysis })
      .thenDecided({ type: 'rolled-back' });
    // Neither is told again and again at its limit.
    const broken = analysed(minutes(1), [night], failing(60));
    given(started, broken)
      .when(analysed(minutes(2), [night], failing(40)))
      .thenNothing();
    given(started, broken)
      .when(analysed(minutes(2), [night], failing(10)))
      .thenDecided({ type: 'alert-raised', alert: 'control-recovered' });
  });

  it('prefers a broken control to a broken candidate, and raises an alert', () => {
    const bothFail = aMetric('error-rate', {
      verdict: 'harmful',
      estimate: { control: 0.7, candidate: 1, effect: 0.3 },
    });
    given(started)
      .when(analysed(minutes(1), [bothFail]))
      .thenDecided(
        { type: 'rolled-back', command: { weightsPpm: TO_CONTROL } },
        { type: 'alert-raised', alert: 'control-unhealthy', message: expect.stringContaining('70 %') },
      );
  });
});

describe('a rollback', () => {
  const rolledBack = [started, analysed(minutes(1), [harmful('alignment')])] as const;

  it('latches: good data later changes nothing', () => {
    given(...rolledBack)
      .when(analysed(minutes(2), allProven(1_000_000)))
      .thenNothing();
  });

  it('is not followed by a deadline, a hold or a second rollback', () => {
    given(...rolledBack)
      .when(tick(minutes(60 * 48), T0))
      .thenNothing();
    given(...rolledBack)
      .when(analysed(minutes(2), [], { health: SCORES_SILENT }))
      .thenNothing();
    given(...rolledBack)
      .when(analysed(minutes(2), [harmful('error-rate')]))
      .thenNothing();
    given(...rolledBack)
      .when(operator('rollback', minutes(2)))
      .thenNothing();
    expect(nextTimerAtMs(rebuild(logOf(...rolledBack)))).toBeNull();
  });

  it('by an operator beats everything, at any time, also after a promotion', () => {
    const endings: readonly (readonly DeliveryInput[])[] = [
      [],
      [operator('pause', minutes(1))],
      [analysed(minutes(1), [], { health: SCORES_SILENT })],
      [operator('promote', minutes(1))],
      [analysed(minutes(1), allProven(1_000_000))],
      [tick(minutes(60 * 25))],
    ];
    for (const past of endings) {
      given(started, ...past)
        .when(operator('rollback', minutes(60 * 26), 'users complain'))
        .thenDecided({
          type: 'rolled-back',
          actor: 'ana',
          command: { weightsPpm: TO_CONTROL, reason: 'operator', message: 'Rolled back by ana: “users complain”' },
        });
    }
  });

  it('is left by no command but a new attempt', () => {
    for (const type of ['promote', 'pause', 'resume'] as const) {
      given(...rolledBack)
        .when(operator(type, minutes(2)))
        .thenRefused('already-ended', /new attempt/);
    }
    given(...rolledBack)
      .when(approval(minutes(2)))
      .thenRefused('already-ended');
  });

  it('is not retried by applying the same file again', () => {
    given(...rolledBack)
      .when(define(minutes(2)))
      .thenRefused('already-ended', /has not changed/);
  });

  it('is left by an explicit new attempt: a new revision from the first stage, with a larger epoch', () => {
    given(...rolledBack)
      .when(operator('new-attempt', minutes(5), 'fixed the driver'))
      .thenDecided(
        { type: 'defined', definition: { revision: 2 }, note: 'revision 2 by ana: “fixed the driver”' },
        { type: 'started', command: { revision: 2, epoch: 3, stage: 0, weightsPpm: { candidate: 10_000 } } },
      );
    given(...rolledBack, operator('new-attempt', minutes(5)))
      .when(analysed(minutes(6), [harmful('alignment')], { revision: 1 }))
      .thenNothing();
  });

  it('goes to the control that the file pins, whatever was served before or comes first', () => {
    const swapped = aSpec({ control: 'candidate' });
    given(define(T0, swapped))
      .when(analysed(minutes(1), [{ ...harmful('alignment'), candidate: 'control' }]))
      .thenDecided({ type: 'rolled-back', command: { weightsPpm: { control: 0, candidate: 1_000_000 } } });
  });
});

const shifted = (status: 'found' | 'none-found') => ({
  health: { ...HEALTHY, shift: { status, metrics: ['alignment-shift'] } },
});

const found = (atMinute: number, sharePpm: number) =>
  analysed(minutes(atMinute), allProven(sharePpm), shifted('found'));

/** Held by an event as earlier code wrote it. */
function heldFor(cause: HoldCause, spec: ReturnType<typeof aSpec>) {
  const bad = analysed(minutes(1), [], { health: SPLIT_IS_OFF });
  const [held] = logOf(define(T0, spec), bad).slice(-1) as [DeliveryEvent];
  return rebuild([...logOf(define(T0, spec)), { ...held, causes: [cause] } as DeliveryEvent]);
}

/** A candidate that reports seconds for milliseconds, where these metrics rest on it. */
const reported = (metrics: string[]): AnalysisHealth =>
  inconsistent({ kind: 'unit-of-measure', field: 'cost', factor: 0.001, expected: null, found: null, metrics });

/** A candidate whose answers carry a fingerprint that is not the declared one. */
const answeredBy = (fingerprint: string, kind: ConsistencyFinding['kind'] = 'another-configuration'): AnalysisHealth =>
  inconsistent({
    kind,
    field: null,
    factor: null,
    expected: 'b',
    found: fingerprint,
    metrics: ['alignment', 'error-rate'],
  });

const inconsistent = (finding: Omit<ConsistencyFinding, 'variant'>): AnalysisHealth => ({
  ...HEALTHY,
  consistency: {
    status: 'inconsistent',
    findings: [{ variant: 'candidate', ...finding }],
  },
});

const seen = (atMinute: number, fingerprint: string) =>
  analysed(minutes(atMinute), [], { health: answeredBy(fingerprint) });

const COVERAGE_UNKNOWN = { ...HEALTHY, coverage: { ...HEALTHY.coverage, status: 'not-enough-data' as const } };

describe('health', () => {
  it.each([
    ['a sample-ratio mismatch', SPLIT_IS_OFF, 'sample-ratio-mismatch'],
    ['a coverage gap', COVERAGE_GAP, 'coverage-gap'],
    ['silent scores', SCORES_SILENT, 'scores-silent'],
    ['silent telemetry', TELEMETRY_SILENT, 'telemetry-silent'],
    ['another unit of measure', reported(['alignment']), 'inconsistent-reports'],
  ])('%s holds the ramp although everything is proven', (_what, health, cause) => {
    given(started)
      .when(analysed(minutes(1), allProven(1_000_000), { health }))
      .thenDecided({
        type: 'held',
        causes: [cause],
        command: { command: 'pause', reason: 'health-hold', weightsPpm: { candidate: 10_000 }, terminal: false },
      });
  });

  it('goes on by itself once the reports are right again; what nothing rests on is told, and holds nothing', () => {
    const health = reported(['alignment']);
    given(started, analysed(minutes(1), [], { health }))
      .when(analysed(minutes(2), [], {}))
      .thenDecided({ type: 'recovered' });
    given(started, analysed(minutes(1), [], { health }))
      .when(analysed(minutes(2), [], { health }))
      .thenNothing();
    given(started)
      .when(analysed(minutes(1), [], { health: reported([]) }))
      .thenDecided({ type: 'alert-raised', alert: 'inconsistent-reports' });
  });

  it.each([
    [
      'from the beginning',
      [],
      'another-configuration',
      /candidate answers with the configuration z, the experiment declares b/,
    ],
    [
      'in the middle of the ramp',
      [analysed(minutes(1), allProven(20_000))],
      'configuration-changed',
      /fingerprint b, then z/,
    ],
  ] as const)(
    'a reported fingerprint that the file does not declare alarms and holds: %s',
    (_when, past, kind, message) => {
      given(started, ...past)
        .when(analysed(minutes(2), allProven(1_000_000), { health: answeredBy('z', kind) }))
        .thenDecided(
          { type: 'alert-raised', alert: 'foreign-configuration', message: expect.stringMatching(message) as unknown },
          {
            type: 'held',
            causes: ['inconsistent-reports'],
            command: { message: expect.stringMatching(message) as unknown },
          },
        );
    },
  );

  it('a foreign fingerprint is told once, another one again, and while somebody has paused the ramp too', () => {
    given(started, seen(1, 'z')).when(seen(2, 'z')).thenNothing();
    given(started, seen(1, 'z'), analysed(minutes(2), []))
      .when(seen(3, 'z'))
      .thenDecided({ type: 'held' });
    given(started, seen(1, 'z'))
      .when(seen(2, 'y'))
      .thenDecided({ type: 'alert-raised', alert: 'foreign-configuration' });
    given(started, operator('pause', minutes(1)))
      .when(seen(2, 'z'))
      .thenDecided({ type: 'alert-raised', alert: 'foreign-configuration' });
  });

  it('a watched shift of the distribution is told once and decides nothing', () => {
    given(started).when(found(1, 1_000_000)).thenDecided(
      {
        type: 'alert-raised',
        alert: 'watched-shift',
        message:
          'Watched: the values of alignment-shift are distributed differently in the variants. It decides nothing; look at the pictures.',
      },
      { type: 'promoted' },
    );
    given(started, found(1, 10_000)).when(found(2, 10_000)).thenNothing();
    given(started, found(1, 10_000)).when(found(2, 1_000_000)).thenDecided({ type: 'promoted' });
    given(started, operator('pause', minutes(1)))
      .when(found(2, 1_000_000))
      .thenDecided({ type: 'alert-raised', alert: 'watched-shift' });
  });

  it('a hold that an older log began for a watched shift ends with the next good analysis', () => {
    const next = analysed(minutes(2), [], shifted('found'));
    expect(decider.decide(heldFor('distribution-shift', aSpec()), next)).toMatchObject([
      { type: 'alert-raised' },
      { type: 'recovered' },
    ]);
  });

  it('a hold that an older log began for a silence that bears on nothing ends with the next analysis', () => {
    const errors = aSpec({ guardrails: aSpec().guardrails.filter(({ metric }) => metric === 'error-rate') });
    for (const [cause, health] of [
      ['telemetry-silent', TELEMETRY_SILENT],
      ['scores-silent', SCORES_SILENT],
      ['coverage-gap', COVERAGE_GAP],
    ] as const) {
      const next = analysed(minutes(2), [], { health });
      expect(decider.decide(heldFor(cause, errors), next)).toMatchObject([{ type: 'recovered' }]);
      expect(decider.decide(heldFor(cause, aSpec()), next)).toEqual([]);
    }
  });

  it.each([
    ['errors and latency', ['error-rate', 'latency-p95'], { telemetry: false, scores: false }],
    ['cost', ['error-rate', 'cost-per-image'], { telemetry: true, scores: false }],
    ['pictures, which nobody scores without telemetry', ['alignment'], { telemetry: true, scores: true }],
    ['a quality head', ['quality.clean'], { telemetry: true, scores: true }],
    ['people', ['thumbs-down-rate'], { telemetry: false, scores: false }],
  ])('is about what is guarded: %s', (_what, metrics, needs) => {
    const guardrails = metrics.map((metric) => ({ ...aSpec().guardrails[0]!, metric }));
    const guarded = define(T0, aSpec({ guardrails }));
    const isHeld = (health: typeof HEALTHY): boolean =>
      given(guarded)
        .when(analysed(minutes(1), [], { health }))
        .events()
        .some(({ type }) => type === 'held');
    expect({ telemetry: isHeld(TELEMETRY_SILENT), scores: isHeld(SCORES_SILENT) }).toEqual(needs);
    expect(isHeld(COVERAGE_GAP)).toBe(needs.scores);
    expect(isHeld(SPLIT_IS_OFF)).toBe(true);
  });

  it('is about objectives and metrics of the experiment’s own too, and not about what is only watched', () => {
    const { guardrails, variants } = aSpec();
    const errors = guardrails.filter(({ metric }) => metric === 'error-rate');
    const own = { ...ownMetrics[0]!, name: 'vram' };
    const silent = analysed(minutes(1), [], { health: TELEMETRY_SILENT });
    const specs = {
      objective: aSpec({
        kind: 'ab',
        variants,
        guardrails: errors,
        objectives: [{ metric: 'gpu-seconds', weight: 1 }],
      }),
      own: aSpec({ guardrails: [...errors, { ...errors[0]!, metric: 'vram' }], metrics: [own] }),
      watched: aSpec({ guardrails: errors, metrics: [own], watch: ['vram', 'alignment-shift'] }),
    };
    given(define(T0, specs.objective))
      .when(silent)
      .thenDecided({ type: 'held', causes: ['telemetry-silent'] });
    given(define(T0, specs.own))
      .when(silent)
      .thenDecided({ type: 'held', causes: ['telemetry-silent'] });
    given(define(T0, specs.watched)).when(silent).thenNothing();
  });

  it('a guardrail that can not be measured holds', () => {
    const broken = aMetric('alignment', {
      verdict: 'unmeasurable',
      reason: 'scorer-changed',
      lnE: null,
      estimate: { control: null, candidate: null, effect: null },
      interval: null,
    });
    given(started)
      .when(analysed(minutes(1), [broken, provenUpTo('error-rate', 1_000_000)]))
      .thenDecided({
        type: 'held',
        causes: ['unmeasurable-guardrail'],
        command: {
          message:
            'Cannot judge the candidate: no measurement of alignment (scores of two scorer versions can’t be compared; what helps: roll back and start a new attempt, which compares the scores of the present scorer alone). The shares stay as they are; proven harm still rolls back.',
        },
      });
  });

  it('holds when no analysis arrives any more, and goes on with the next good one', () => {
    given(started)
      .when(tick(minutes(3), minutes(1)))
      .thenDecided({ type: 'held', causes: ['analysis-silent'], command: { evidence: null } });
    given(started, tick(minutes(3), minutes(1)))
      .when(analysed(minutes(4), []))
      .thenDecided({ type: 'recovered' });
  });

  it('holds at the end of the silence that is allowed, not before', () => {
    given(started)
      .when(tick(minutes(2) - 1, minutes(1)))
      .thenNothing();
    given(started)
      .when(tick(minutes(2), minutes(1)))
      .thenDecided({ type: 'held', causes: ['analysis-silent'] });
  });

  it('counts the silence from the start of the stage: the last analysis may be one of a revision before', () => {
    const anew = [started, operator('rollback', minutes(5)), operator('new-attempt', minutes(10))] as const;
    given(...anew)
      .when(tick(minutes(11) - 1, minutes(1)))
      .thenNothing();
    given(...anew)
      .when(tick(minutes(11), minutes(1)))
      .thenDecided({ type: 'held', causes: ['analysis-silent'] });
  });

  it('does not hold for want of analyses where none is expected, as without traffic', () => {
    given(started)
      .when(tick(minutes(60), null))
      .thenNothing();
  });

  it('recovers when the cause is gone, and only then climbs on', () => {
    const held = analysed(minutes(1), [], { health: SCORES_SILENT });
    given(started, held)
      .when(analysed(minutes(2), allProven(50_000)))
      .thenDecided({ type: 'recovered', command: { command: 'resume', reason: 'health-recovered', stage: 0 } });
    given(started, held, analysed(minutes(2), allProven(50_000)))
      .when(analysed(minutes(3), allProven(50_000)))
      .thenDecided({ type: 'advanced', command: { stage: 2 } });
  });

  it('is not recovered by knowing nothing', () => {
    const held = analysed(minutes(1), [], { health: SPLIT_IS_OFF });
    const unknown = { ...HEALTHY, srm: { ...HEALTHY.srm, status: 'not-enough-data' as const } };
    given(started, held)
      .when(analysed(minutes(2), [], { health: unknown }))
      .thenNothing();
    given(started, analysed(minutes(1), [], { health: COVERAGE_GAP }))
      .when(analysed(minutes(2), [], { health: COVERAGE_UNKNOWN }))
      .thenNothing();
    const noTraffic = { ...HEALTHY, staleness: { ...HEALTHY.staleness, status: 'no-traffic' as const } };
    for (const health of [SCORES_SILENT, TELEMETRY_SILENT]) {
      given(started, analysed(minutes(1), [], { health }))
        .when(analysed(minutes(2), [], { health: noTraffic }))
        .thenNothing();
    }
  });

  it('is not recovered while one of several causes may still be there', () => {
    const both = analysed(minutes(1), [], { health: { ...SPLIT_IS_OFF, coverage: COVERAGE_GAP.coverage } });
    given(started)
      .when(both)
      .thenDecided({ type: 'held', causes: ['sample-ratio-mismatch', 'coverage-gap'] });
    given(started, both)
      .when(analysed(minutes(2), [], { health: COVERAGE_UNKNOWN }))
      .thenNothing();
    given(started, both)
      .when(analysed(minutes(2), []))
      .thenDecided({ type: 'recovered' });
  });

  it('is not recovered by a cause that takes the place of another', () => {
    given(started, analysed(minutes(1), [], { health: SPLIT_IS_OFF }))
      .when(analysed(minutes(2), [], { health: COVERAGE_GAP }))
      .thenNothing();
  });

  it('held too long is inconclusive: a metric outage is no bad canary, and no promotion either', () => {
    const held = analysed(minutes(1), allProven(1_000_000), { health: SCORES_SILENT });
    given(started, held)
      .when(tick(minutes(30)))
      .thenNothing();
    given(started, held)
      .when(tick(minutes(31)))
      .thenDecided({
        type: 'concluded',
        outcome: 'inconclusive',
        command: { command: 'conclude', reason: 'inconclusive', weightsPpm: TO_CONTROL, terminal: true },
      });
    given(define(T0, aSpec({ onInconclusive: 'hold' })), held)
      .when(tick(minutes(31)))
      .thenDecided({ type: 'concluded', command: { weightsPpm: { control: 990_000, candidate: 10_000 } } });
  });
});

describe('the damage budget', () => {
  it('rests on the ln E that decided: that of a larger share, where the share asked for has not been proven by itself', () => {
    const budget = [
      { sharePpm: 50_000, margin: 0.19, lnENonInferior: 2.5, nonInferior: false },
      { sharePpm: 100_000, margin: 0.095, lnENonInferior: 3.2, nonInferior: true },
    ];
    const ramp = explicitRamp(aStage(10_000), aStage(50_000), aStage(1_000_000));
    const command = lastCommand(
      define(T0, aSpec({ ramp })),
      analysed(minutes(1), [aMetric('alignment', { budget }), provenUpTo('error-rate', 1_000_000)]),
    );
    expect(command).toMatchObject({ weightsPpm: { candidate: 50_000 }, evidence: { metric: 'alignment', lnE: 3.2 } });
    expect(command.message).toContain('is not more than 10 % below control, with 95 % confidence');
  });

  it('lets no share rise without data', () => {
    given(started)
      .when(analysed(minutes(1), []))
      .thenNothing();
    given(started)
      .when(analysed(minutes(1), [aMetric('alignment', { lnE: null, margin: null, reason: 'no-data' })]))
      .thenNothing();
  });

  it('wants every guardrail: one that is undecided or missing stops the ramp', () => {
    given(started)
      .when(analysed(minutes(1), [provenUpTo('alignment', 1_000_000)]))
      .thenNothing();
    given(started)
      .when(analysed(minutes(1), [provenUpTo('alignment', 1_000_000), aMetric('error-rate')]))
      .thenNothing();
  });

  it('raises the share as far as the least proven guardrail allows, several rungs at once', () => {
    given(started)
      .when(analysed(minutes(1), [provenUpTo('alignment', 200_000), provenUpTo('error-rate', 100_000)]))
      .thenDecided({
        type: 'advanced',
        command: {
          command: 'advance',
          stage: 3,
          weightsPpm: { control: 900_000, candidate: 100_000 },
          reason: 'budget-proven',
          message: expect.stringMatching(/^On to 10 %: .* after 171 units of candidate \(ln E 3\.5; 3 needed\)\.$/),
        },
      });
  });

  it('promotes only on a proof at the margin itself', () => {
    const almost = aMetric('alignment', {
      budget: [{ sharePpm: 1_000_000, margin: 0.0095, lnENonInferior: 3, nonInferior: true }],
    });
    given(started)
      .when(analysed(minutes(1), [almost, provenUpTo('error-rate', 1_000_000)]))
      .thenDecided({ type: 'advanced', command: { weightsPpm: { control: 500_000, candidate: 500_000 } } });
    given(started)
      .when(analysed(minutes(1), allProven(1_000_000)))
      .thenDecided({
        type: 'promoted',
        command: {
          command: 'promote',
          weightsPpm: TO_CANDIDATE,
          reason: 'all-guardrails-non-inferior',
          terminal: true,
          stage: 6,
        },
      });
  });

  it('is proven by a guardrail that is better than control, without any budget', () => {
    const superior = ['alignment', 'error-rate'].map((metric) =>
      aMetric(metric, { verdict: 'superior', lnE: { harmful: -9, nonInferior: 2, superior: 3.6 } }),
    );
    given(started)
      .when(analysed(minutes(1), superior))
      .thenDecided({ type: 'promoted', command: { evidence: { lnE: 3.6 } } });
  });

  it('takes each step once: an analysis repeated, or made before the step was taken, ends no stage', () => {
    const step = analysed(minutes(1), allProven(50_000), { epoch: 1 });
    // The first step rests on events under the command that started the ramp, the second on those under the first.
    given(started)
      .when(step)
      .thenDecided({ type: 'advanced', command: { epoch: 2 } });
    given(started, step)
      .when({ ...step, atMs: minutes(2) })
      .thenNothing();
    given(started, step)
      .when(analysed(minutes(2), allProven(500_000), { epoch: 1 }))
      .thenNothing();
    given(started, step)
      .when(analysed(minutes(2), allProven(500_000), { epoch: 2 }))
      .thenDecided({ type: 'advanced', command: { epoch: 3, weightsPpm: { candidate: 500_000 } } });
  });

  it('an explicit ramp climbs stage by stage, after minimum time and units', () => {
    const ramp = explicitRamp(
      aStage(10_000, { atLeastMs: 600_000, atLeastUnits: 500 }),
      aStage(50_000),
      aStage(1_000_000),
    );
    const slow = define(T0, aSpec({ ramp }));
    given(slow)
      .when(analysed(minutes(9), allProven(1_000_000)))
      .thenNothing();
    given(slow)
      .when(analysed(minutes(10), allProven(1_000_000), { unitsInStage: 499 }))
      .thenNothing();
    given(slow)
      .when(analysed(minutes(10), allProven(1_000_000), { unitsInStage: 500 }))
      .thenDecided({ type: 'advanced', command: { stage: 1, weightsPpm: { candidate: 50_000 } } });
  });

  it('waits for an approval, says so once, and goes on with the next analysis after it', () => {
    const ramp = explicitRamp(aStage(10_000), aStage(50_000, { approval: 'required' }), aStage(1_000_000));
    const gated = define(T0, aSpec({ ramp }));
    given(gated).when(proven(1)).thenDecided({ type: 'approval-awaited', stage: 1 });
    given(gated, proven(1)).when(proven(2)).thenNothing();
    given(gated, proven(1))
      .when(approval(minutes(3)))
      .thenDecided({ type: 'approved', stage: 1, note: '5 % approved by ana: “looks good”' });
    given(gated, proven(1), approval(minutes(3)))
      .when(proven(4))
      .thenDecided({ type: 'advanced', command: { stage: 1 } });
    given(gated, approval(minutes(1)))
      .when(proven(2))
      .thenDecided({ type: 'advanced', command: { stage: 1 } });
    given(gated, approval(minutes(1)))
      .when(approval(minutes(2)))
      .thenRefused('nothing-to-approve');
    given(gated)
      .when(approval(minutes(2), 2))
      .thenRefused('nothing-to-approve', /expected the stage of 5 %/);
  });

  it('does not climb while an operator has paused it, and does after a resume', () => {
    const paused = operator('pause', minutes(1));
    given(started, paused)
      .when(analysed(minutes(2), allProven(1_000_000)))
      .thenNothing();
    given(started, paused)
      .when(operator('resume', minutes(2)))
      .thenDecided({ type: 'resumed', command: { command: 'resume', epoch: 3, weightsPpm: { candidate: 10_000 } } });
    given(started, paused)
      .when(operator('pause', minutes(2)))
      .thenRefused('already-paused');
    given(started)
      .when(operator('resume', minutes(2)))
      .thenRefused('not-paused');
    given(started, analysed(minutes(1), [], { health: SCORES_SILENT }))
      .when(operator('resume', minutes(2)))
      .thenRefused('not-paused', /held because of a silent scorer/);
  });

  it('can be overruled by an operator, who is named', () => {
    given(started)
      .when(operator('promote', minutes(1), 'hot fix'))
      .thenDecided({
        type: 'promoted',
        command: { weightsPpm: TO_CANDIDATE, actor: 'ana', reason: 'operator', evidence: null },
      });
  });
});

const bad = (atMinute: number) => analysed(minutes(atMinute), [], { health: SPLIT_IS_OFF });

describe('an equal baseline', () => {
  const { variants } = aSpec();
  const spec = aSpec({ variants: { ...variants, baseline: variants['control']! }, baseline: 'baseline' });
  const orders = (...inputs: readonly DeliveryInput[]) =>
    commandsOf(define(T0, spec), ...inputs).map(({ weightsPpm }) => weightsPpm);

  it('has the candidate’s share on every stage, and control the rest', () => {
    expect(orders(analysed(minutes(1), allProven(20_000)), analysed(minutes(2), allProven(500_000)))).toEqual([
      { control: 980_000, candidate: 10_000, baseline: 10_000 },
      { control: 960_000, candidate: 20_000, baseline: 20_000 },
      { control: 0, candidate: 500_000, baseline: 500_000 },
    ]);
  });

  it('gives way where the candidate has more than half', () => {
    const ramp = explicitRamp(aStage(10_000), aStage(800_000), aStage(1_000_000));
    const commands = commandsOf(define(T0, { ...spec, ramp }), proven(1));
    expect(commands.at(-1)?.weightsPpm).toEqual({ control: 0, candidate: 800_000, baseline: 200_000 });
  });

  it('has nothing after the end, whichever it is', () => {
    expect(orders(proven(1)).at(-1)).toEqual({ control: 0, candidate: 1_000_000, baseline: 0 });
    expect(orders(analysed(minutes(1), [harmful('alignment')])).at(-1)).toEqual({
      control: 1_000_000,
      candidate: 0,
      baseline: 0,
    });
  });

  it('is what messages compare with', () => {
    const [, rollback] = commandsOf(define(T0, spec), analysed(minutes(1), [harmful('alignment')]));
    expect(rollback?.message).toMatch(/^alignment of candidate is 2\.21 % below baseline/);
  });
});

describe('time', () => {
  const DEADLINE = hours(24);

  it('promotes nothing: inconclusive when it runs out, whatever was pending', () => {
    const pending: readonly (readonly DeliveryInput[])[] = [
      [],
      [analysed(minutes(1), allProven(500_000))],
      [analysed(DEADLINE - 1, allProven(1_000_000), { health: SPLIT_IS_OFF })],
    ];
    for (const past of pending) {
      given(started, ...past)
        .when(tick(DEADLINE))
        .thenDecided({
          type: 'concluded',
          outcome: 'inconclusive',
          winner: null,
          command: { reason: 'deadline', weightsPpm: TO_CONTROL, terminal: true },
        });
    }
  });

  it('has run out for an analysis that comes after the deadline, even before the timer', () => {
    given(started)
      .when(analysed(DEADLINE, allProven(1_000_000)))
      .thenDecided({ type: 'concluded', outcome: 'inconclusive' });
  });

  it('stands still while an operator has paused the ramp, and goes on with what was left of it', () => {
    const paused = [started, operator('pause', hours(2), 'weekend, I look on Monday')] as const;
    given(...paused)
      .when(tick(hours(64)))
      .thenNothing();
    given(...paused)
      .when(analysed(hours(64), allProven(1_000_000)))
      .thenNothing();
    expect(nextTimerAtMs(rebuild(logOf(...paused)))).toBeNull();
    const back = [...paused, operator('resume', hours(64))] as const;
    expect(nextTimerAtMs(rebuild(logOf(...back)))).toBe(DEADLINE + 62 * 60 * 60_000);
    given(...back)
      .when(tick(hours(86) - 1))
      .thenNothing();
    given(...back)
      .when(tick(hours(86)))
      .thenDecided({
        type: 'concluded',
        command: {
          reason: 'deadline',
          message: expect.stringMatching(
            /^No verdict by the deadline, 24 h after the start, 62 h of pauses not counted\./,
          ),
        },
      });
    given(...back, operator('pause', hours(70)), operator('resume', hours(80)))
      .when(tick(hours(96) - 1))
      .thenNothing();
  });

  it('of a hold that an operator pauses begins anew with the next bad analysis', () => {
    const past = [started, bad(1), operator('pause', minutes(20)), operator('resume', minutes(600)), bad(601)] as const;
    given(...past)
      .when(tick(minutes(631) - 1))
      .thenNothing();
    given(...past)
      .when(tick(minutes(631)))
      .thenDecided({ type: 'concluded', command: { reason: 'inconclusive' } });
  });

  it('does not help proven harm: a paused revision is rolled back', () => {
    given(started, operator('pause', minutes(1)))
      .when(analysed(minutes(9_999), [harmful('alignment')]))
      .thenDecided({ type: 'rolled-back' });
  });

  it('keeps the shares at the deadline when the file says hold', () => {
    given(define(T0, aSpec({ onInconclusive: 'hold' })), analysed(minutes(1), allProven(50_000)))
      .when(tick(DEADLINE))
      .thenDecided({ type: 'concluded', command: { weightsPpm: { control: 950_000, candidate: 50_000 } } });
  });

  it('that passed while no controller was there counts at the restart', () => {
    given(started)
      .when(restarted(minutes(5)))
      .thenNothing();
    given(started)
      .when(restarted(DEADLINE + 1))
      .thenDecided({ type: 'concluded', command: { reason: 'deadline' } });
  });

  it('is watched by the earliest of deadline and hold', () => {
    expect(nextTimerAtMs(rebuild(logOf(started)))).toBe(DEADLINE);
    const held = analysed(minutes(1), [], { health: SCORES_SILENT });
    expect(nextTimerAtMs(rebuild(logOf(started, held)))).toBe(minutes(31));
  });
});

describe('commands', () => {
  it('carry strictly growing epochs over revisions, and the whole allocation', () => {
    const commands = commandsOf(
      started,
      analysed(minutes(1), allProven(50_000)),
      operator('pause', minutes(2)),
      operator('resume', minutes(3)),
      analysed(minutes(4), [harmful('alignment')]),
      operator('new-attempt', minutes(5)),
    );
    expect(commands.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const { weightsPpm } of commands) {
      expect(weightsPpm['control']! + weightsPpm['candidate']!).toBe(1_000_000);
    }
  });

  it('are acknowledged once per router; answers to older ones say nothing', () => {
    const start = lastCommand(started);
    given(started)
      .when(applied(minutes(1), start))
      .thenDecided({ type: 'acknowledged', actor: 'router-1' });
    given(started, applied(minutes(1), start))
      .when(applied(minutes(2), start))
      .thenNothing();
    given(started, analysed(minutes(1), allProven(50_000)))
      .when(applied(minutes(2), start))
      .thenNothing();
  });

  it('show a router that refused', () => {
    const start = lastCommand(started);
    const refused = applied(minutes(1), start, { outcome: 'refused', reason: 'stale-epoch' });
    const { state } = given(started).when(refused);
    expect(state()).toMatchObject({ acknowledgements: { 'router-1': { outcome: 'refused', reason: 'stale-epoch' } } });
  });

  it('that a router applied stay applied when it refuses them later; applied after a refusal is news', () => {
    const start = lastCommand(started);
    const refused = applied(minutes(1), start, { outcome: 'refused', reason: 'stale-epoch' });
    given(started, applied(minutes(1), start))
      .when({ ...refused, atMs: minutes(2) })
      .thenNothing();
    given(started, refused)
      .when(applied(minutes(2), start))
      .thenDecided({ type: 'acknowledged', applied: { outcome: 'applied' } });
  });

  it('for an experiment nobody knows are refused', () => {
    given().when(operator('rollback', T0)).thenRefused('unknown-experiment');
  });

  it('for a new attempt wait for the end of the old one', () => {
    given(started)
      .when(operator('new-attempt', minutes(1)))
      .thenRefused('still-active');
    given(started, operator('promote', minutes(1)))
      .when(operator('new-attempt', minutes(2)))
      .thenRefused('already-ended');
  });
});

describe('an ab test', () => {
  const { variants } = aSpec();
  const abSpec = aSpec({
    kind: 'ab',
    variants: { control: variants['control']!, a: variants['candidate']!, b: variants['candidate']! },
    objectives: [{ metric: 'quality', weight: 1 }],
  });

  it('shares the stage between the candidates, up to an equal split', () => {
    expect(lastCommand(define(T0, abSpec)).weightsPpm).toEqual({ control: 990_000, a: 5_000, b: 5_000 });
    const top = lastCommand(define(T0, abSpec), analysed(minutes(1), [...safe('a'), ...safe('b')]));
    expect(top).toMatchObject({
      command: 'advance',
      weightsPpm: { control: 333_334, a: 333_333, b: 333_333 },
      terminal: false,
    });
  });

  const better = aUtility('b', 0.02, 0.1, 'better');

  it('ends with the winner when its guardrails hold', () => {
    given(define(T0, abSpec))
      .when(analysed(minutes(1), [...safe('a'), ...safe('b')], objectives(aUtility('a', -0.05, 0.02), better)))
      .thenDecided({
        type: 'concluded',
        outcome: 'winner',
        winner: 'b',
        command: { weightsPpm: { control: 0, a: 0, b: 1_000_000 } },
      });
    given(define(T0, abSpec))
      .when(analysed(minutes(1), safe('a'), objectives(aUtility('a', -0.05, 0.02), better)))
      .thenNothing();
  });

  it('has no winner of whom a guardrail is still open', () => {
    const [proof, open] = [safe('b')[0]!, aMetric('error-rate', { candidate: 'b' })];
    given(define(T0, abSpec))
      .when(analysed(minutes(1), [...safe('a'), proof, open], objectives(aUtility('a', -0.05, 0.02), better)))
      .thenNothing();
  });

  it('ends neither way on numbers that cannot be trusted', () => {
    const won = objectives(aUtility('a', -0.05, 0.02), better);
    const lost = objectives(aUtility('a', -0.1, 0.005, 'futile'), aUtility('b', -0.04, -0.01, 'worse'));
    for (const judged of [won, lost]) {
      given(define(T0, abSpec))
        .when(analysed(minutes(1), [...safe('a'), ...safe('b')], { ...judged, health: SPLIT_IS_OFF }))
        .thenDecided({ type: 'held', causes: ['sample-ratio-mismatch'] });
    }
  });

  it('goes on while another variant may be better than the winner by what matters, or is not known yet', () => {
    const climbed = [define(T0, abSpec), analysed(minutes(1), [...safe('a'), ...safe('b')])] as const;
    const all = [...safe('a'), ...safe('b')];
    given(...climbed)
      .when(analysed(minutes(2), all, objectives(aUtility('a', 0.01, 0.2, 'better'), better)))
      .thenNothing();
    given(...climbed)
      .when(analysed(minutes(2), all, objectives(better)))
      .thenNothing();
    const unmeasurable = aUtility('a', -0.05, 0.02, 'unmeasurable');
    const unknown = { ...unmeasurable, utility: { ...unmeasurable.utility, estimate: null, interval: null } };
    given(...climbed)
      .when(analysed(minutes(2), all, objectives(unknown, better)))
      .thenNothing();
    given(...climbed)
      .when(analysed(minutes(2), all, objectives(unknown, aUtility('b', -0.04, -0.01, 'worse'))))
      .thenNothing();
  });

  it('goes on while another variant may be better by exactly what matters', () => {
    const climbed = [define(T0, abSpec), analysed(minutes(1), [...safe('a'), ...safe('b')])] as const;
    const all = [...safe('a'), ...safe('b')];
    const reach = 0.02 + 0.01;
    given(...climbed)
      .when(analysed(minutes(2), all, objectives(aUtility('a', -0.05, reach), better)))
      .thenNothing();
    given(...climbed)
      .when(analysed(minutes(2), all, objectives(aUtility('a', -0.05, reach - 1e-9), better)))
      .thenDecided({ type: 'concluded', outcome: 'winner', winner: 'b' });
  });

  it('goes to the better estimate of two that are practically equal', () => {
    const close = [aUtility('a', 0.1, 0.104, 'better'), aUtility('b', 0.101, 0.107, 'better')];
    given(define(T0, abSpec))
      .when(analysed(minutes(1), [...safe('a'), ...safe('b')], objectives(...close)))
      .thenDecided({ type: 'concluded', outcome: 'winner', winner: 'b' });
  });

  it('ends when no variant can be better by what matters any more', () => {
    const futile = objectives(aUtility('a', -0.1, 0.005, 'futile'), aUtility('b', -0.04, -0.01, 'worse'));
    given(define(T0, abSpec))
      .when(analysed(minutes(1), [], futile))
      .thenDecided({
        type: 'concluded',
        outcome: 'futile',
        winner: null,
        command: { reason: 'futile', weightsPpm: { control: 1_000_000, a: 0, b: 0 } },
      });
    given(define(T0, abSpec))
      .when(analysed(minutes(1), [], objectives(aUtility('a', -0.1, 0.005, 'futile'), aUtility('b', -0.01, 0.05))))
      .thenNothing();
  });

  it('has no variant that an operator could promote without naming it', () => {
    given(define(T0, abSpec))
      .when(operator('promote', minutes(1)))
      .thenRefused('promotion-needs-one-candidate');
  });
});

describe('deciding', () => {
  it('leaves the state it was given as it was', () => {
    const state = rebuild(logOf(started));
    const before = structuredClone(state);
    decider.decide(state, analysed(minutes(1), [harmful('alignment')]));
    expect(state).toEqual(before);
  });
});
