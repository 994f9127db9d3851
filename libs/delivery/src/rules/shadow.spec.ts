import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExperimentAnalysed, ExperimentSpec, Guardrail, PairsAnalysis } from '#libs/contracts';
import {
  aMetric,
  analysed,
  aPairedMetric,
  approval,
  aShadow,
  aSpec,
  aStage,
  COVERAGE_GAP,
  define,
  explicitRamp,
  given,
  harmful,
  HEALTHY,
  hours,
  logOf,
  minutes,
  operator,
  provenUpTo,
  SCORES_SILENT,
  somePairs,
  T0,
  tick,
} from '#libs/testing/delivery';
import { decider, DecisionRefusedError, initialState, type DeliveryInput, type DeliveryState } from '../index.js';
import { rebuild } from '../evolve.js';
import { isBeforeRamp, isInShadow, type StartedState } from '../state.js';

const CONTROL_ALONE = { control: 1_000_000, candidate: 0 };
const COPIES = { candidates: ['candidate'], ratePpm: 100_000, concurrency: 4 };
const shadowed = (changes: Partial<ExperimentSpec> = {}): ExperimentSpec => aSpec({ ...aShadow(), ...changes });
const started: DeliveryInput = define(T0, shadowed());
/** Control's requests so far; the candidate has none of its own. */
const requests = { control: 3_500, candidate: 0 };
const few = { control: 900, candidate: 0 };
const drawn = [aMetric('alignment', { verdict: 'undecided', reason: 'no-data', lnE: null }), aMetric('error-rate')];
const judged = (atMinute: number, pairs: readonly PairsAnalysis[], more: Partial<ExperimentAnalysed> = {}) =>
  analysed(minutes(atMinute), drawn, { requests, pairs: [...pairs], ...more });
const harmOf = (metric: string, n = 60): PairsAnalysis =>
  somePairs(n, 0, {
    metrics: [aPairedMetric(metric, { n, verdict: 'harmful', lnE: { harmful: 3.2, nonInferior: -4, superior: -5 } })],
  });

/** Pairs of which only 300 pictures have a score. */
const late = (n: number) => somePairs(n, 0, { metrics: [aPairedMetric('alignment', { n: 300 })] });
const unmeasurable = (reason: string) =>
  somePairs(40, 0, { metrics: [aPairedMetric('alignment', { verdict: 'unmeasurable', reason })] });

const misread = (pairs: PairsAnalysis) =>
  analysed(minutes(1), [harmful('alignment'), aMetric('error-rate')], { requests, pairs: [pairs] });

describe('a shadow', () => {
  it('begins with all traffic on control, and copies for the candidate', () => {
    given()
      .when(started)
      .thenDecided(
        { type: 'defined' },
        {
          type: 'started',
          command: { command: 'start', stage: 0, weightsPpm: CONTROL_ALONE, shadow: COPIES, terminal: false },
        },
      );
  });

  it('hears its pairs where something of it seems to have been drawn, which nobody was', () => {
    given(started)
      .when(misread(harmOf('alignment')))
      .thenDecided({ type: 'rolled-back', command: { evidence: { pairs: 60 } } });
    given(started)
      .when(misread(somePairs(350, 200_000)))
      .thenDecided({ type: 'advanced' });
  });

  it('goes on until its pairs are complete, whatever was proven before', () => {
    given(started)
      .when(judged(1, [somePairs(349, 200_000)]))
      .thenNothing();
  });

  it('is followed by the share that its pairs allow, and no more copies', () => {
    const step = given(started).when(judged(1, [somePairs(350, 200_000)]));
    step.thenDecided({
      type: 'advanced',
      command: {
        command: 'advance',
        stage: 4,
        weightsPpm: { control: 800_000, candidate: 200_000 },
        reason: 'budget-proven',
        message:
          'Out of the shadow, on to 20 %: by 350 pairs every guardrail is proven to stay within its margin ÷ 20 %. Hardest to prove: alignment of candidate is 2.21 % below control (0.93 against 0.951) and is not more than 5 % below control, with 95 % confidence after 350 pairs (ln E 3.5; 3 needed).',
        evidence: { metric: 'alignment', candidate: 'candidate', units: 350, pairs: 350 },
      },
    });
    expect(step.events()[0]).not.toHaveProperty('command.shadow');
    expect(isInShadow(step.state())).toBe(false);
  });

  it('never leads to all of the traffic, however much its pairs prove', () => {
    given(started)
      .when(judged(1, [somePairs(9_000, 1_000_000)]))
      .thenDecided({ type: 'advanced', command: { stage: 5, weightsPpm: { candidate: 500_000 } } });
  });

  it('is followed by the first stage where its pairs prove nothing', () => {
    given(started)
      .when(judged(1, [somePairs(350, 0)]))
      .thenDecided({
        type: 'advanced',
        command: {
          stage: 0,
          weightsPpm: { candidate: 10_000 },
          reason: 'started',
          message:
            'Out of the shadow, on to 1 %: 350 pairs show no harm that is proven. They prove too little for a larger share (least of alignment).',
        },
      });
  });

  it('believes no share of which a guardrail of the file is missing among the pairs', () => {
    const pairs = somePairs(350, 200_000);
    given(started)
      .when(judged(1, [{ ...pairs, metrics: pairs.metrics.slice(0, 1) }]))
      .thenDecided({ type: 'advanced', command: { stage: 0, weightsPpm: { candidate: 10_000 } } });
  });

  it('waits for scores that are still to come, but not for ever', () => {
    given(started)
      .when(judged(1, [late(400)]))
      .thenNothing();
    given(started)
      .when(judged(1, [late(525)]))
      .thenDecided({ type: 'advanced' });
  });

  it('does not climb by what was drawn', () => {
    given(started)
      .when(
        analysed(minutes(1), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)], {
          requests: few,
        }),
      )
      .thenNothing();
  });

  it('is climbed from as usual afterwards', () => {
    const proven = [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)];
    given(started, judged(1, [somePairs(350, 200_000)]))
      .when(analysed(minutes(2), proven, { pairs: [somePairs(350, 200_000)] }))
      .thenDecided({ type: 'promoted' });
  });
});

describe('harm in a shadow', () => {
  it('rolls back with nobody exposed, in the words of pairs', () => {
    given(started)
      .when(judged(1, [harmOf('alignment')]))
      .thenDecided({
        type: 'rolled-back',
        command: {
          command: 'rollback',
          weightsPpm: CONTROL_ALONE,
          reason: 'harmful',
          terminal: true,
          message:
            'alignment of candidate is 2.21 % below control (0.93 against 0.951); allowed is −1 %. Proven worse than allowed, with 95 % confidence after 60 pairs (ln E 3.2; 3 needed). Nobody was served by candidate.',
          evidence: { metric: 'alignment', candidate: 'candidate', lnE: 3.2, pairs: 60 },
        },
      });
  });

  it('says so where control, which everybody has, is broken itself', () => {
    const failing = aMetric('error-rate', { estimate: { control: 0.8, candidate: 0.8, effect: 0 } });
    const harm = judged(1, [harmOf('alignment')]);
    const { events } = given(started).when({ ...harm, analysis: { ...harm.analysis, metrics: [failing] } });
    expect(events().at(-1)).toMatchObject({ type: 'alert-raised', alert: 'control-unhealthy' });
  });

  it('by a margin that is another one since is none', () => {
    const [alignment, errors] = aSpec().guardrails as [Guardrail, Guardrail];
    const looser: Guardrail = { ...alignment, margin: { kind: 'relative', value: 0.02 } };
    const changed = define(minutes(1), shadowed({ guardrails: [looser, errors] }));
    given(started, changed)
      .when(judged(2, [harmOf('alignment')]))
      .thenNothing();
    given(started, changed)
      .when(judged(2, [harmOf('alignment')], { policy: 1 }))
      .thenDecided({ type: 'rolled-back' });
  });

  it('comes before health and before complete pairs, and in a pause', () => {
    const harm = judged(3, [harmOf('error-rate', 400)], { health: SCORES_SILENT });
    given(started).when(harm).thenDecided({ type: 'rolled-back' });
    given(started, operator('pause', minutes(1)))
      .when(harm)
      .thenDecided({ type: 'rolled-back' });
  });

  it('that late scores prove after the shadow rolls back as well, once', () => {
    const climbing = [started, judged(1, [somePairs(350, 200_000)])];
    given(...climbing)
      .when(judged(2, [harmOf('alignment', 350)]))
      .thenDecided({ type: 'rolled-back', command: { message: /These are the pairs of its shadow\.$/ } });
    given(...climbing, judged(2, [harmOf('alignment', 350)]))
      .when(judged(3, [harmOf('alignment', 350)]))
      .thenNothing();
  });

  it('of a variant that is no candidate, or of a metric that guards nothing, says nothing', () => {
    given(started)
      .when(judged(1, [{ ...harmOf('alignment'), candidate: 'somebody' }, harmOf('quality.clean')]))
      .thenNothing();
  });
});

describe('a shadow that can’t be judged', () => {
  it('is held where many requests were to be copied and no pair has come, with what to look at', () => {
    const hold = given(started).when(judged(1, []));
    hold.thenDecided({
      type: 'held',
      causes: ['pairs-silent'],
      command: { command: 'pause', weightsPpm: CONTROL_ALONE, shadow: COPIES },
    });
    expect(hold.events()[0]).toHaveProperty(
      'command.message',
      'Cannot judge the candidate: about 350 requests were to be copied, and no pair has come of any. Look whether what gets the copies answers at all, whether its router and services are of a version that knows shadows, and whether these requests can be copied. control serves everybody as before; proven harm still rolls back.',
    );
  });

  it('waits for its first pairs', () => {
    given(started)
      .when(judged(1, [], { requests: few }))
      .thenNothing();
  });

  it('goes on with its copies when the pairs come after all', () => {
    given(started, judged(1, []))
      .when(judged(2, [somePairs(12, 0)]))
      .thenDecided({
        type: 'recovered',
        command: { shadow: COPIES, weightsPpm: CONTROL_ALONE, message: /The shadow goes on\.$/ },
      });
  });

  it('is held by a guardrail that the pairs can’t measure, not by one that no pair could', () => {
    given(started)
      .when(judged(1, [unmeasurable('missing-more-often')]))
      .thenDecided({ type: 'held', causes: ['unmeasurable-guardrail'] });
    given(started)
      .when(judged(1, [unmeasurable('not-paired')]))
      .thenNothing();
  });

  it('is not held for a candidate that nobody was given', () => {
    const unmeasured = aMetric('alignment', { verdict: 'unmeasurable', reason: 'one-variant', lnE: null });
    given(started)
      .when(analysed(minutes(1), [unmeasured], { requests, pairs: [somePairs(30, 0)] }))
      .thenNothing();
  });

  it('that is held too long, or past its deadline, ends without a verdict, served by control', () => {
    given(started, judged(1, []))
      .when(tick(minutes(32)))
      .thenDecided({ type: 'concluded', outcome: 'inconclusive', command: { weightsPpm: CONTROL_ALONE } });
    given(started)
      .when(tick(hours(24)))
      .thenDecided({ type: 'concluded', outcome: 'inconclusive', command: { weightsPpm: CONTROL_ALONE } });
  });

  it('says once that its pairs will not be complete before the deadline', () => {
    const tooFew = judged(60, [somePairs(2, 0)]);
    given(started)
      .when(tooFew)
      .thenDecided({ type: 'alert-raised', alert: 'too-late', message: /2 of 350 pairs are there/ });
    given(started, tooFew).when(tooFew).thenNothing();
  });
});

/** An explicit ramp of which these stages need an approval, after a shadow. */
const gated = (...required: number[]): ExperimentSpec =>
  shadowed({
    ramp: explicitRamp(
      ...[10_000, 50_000, 200_000, 1_000_000].map((weightPpm, index) =>
        aStage(weightPpm, required.includes(index) ? { approval: 'required' } : {}),
      ),
    ),
  });
/** Pairs that allow the stages up to 20 %. */
const allowed = (pairs: PairsAnalysis) => judged(5, [{ ...pairs, firstStage: { stage: 2, sharePpm: 200_000 } }]);

describe('people and a shadow', () => {
  it('need not approve it: nobody is served. The first stage waits for them', () => {
    const first = define(T0, gated(0));
    given()
      .when(first)
      .thenDecided({ type: 'defined' }, { type: 'started', command: { shadow: COPIES } });
    given(first)
      .when(allowed(somePairs(350, 200_000)))
      .thenDecided({ type: 'approval-awaited', stage: 0, message: /350 pairs show no harm/ });
    given(first, allowed(somePairs(350, 200_000)))
      .when(allowed(somePairs(360, 200_000)))
      .thenNothing();
    given(first, approval(minutes(1)))
      .when(allowed(somePairs(350, 200_000)))
      .thenDecided({ type: 'advanced', command: { stage: 2, weightsPpm: { candidate: 200_000 } } });
    given(first, allowed(somePairs(350, 200_000)), approval(minutes(6)))
      .when(allowed(somePairs(360, 200_000)))
      .thenDecided({ type: 'advanced', command: { stage: 2 } });
  });

  it('are not passed over: the ramp begins below a stage that nobody has approved', () => {
    given(define(T0, gated(2)))
      .when(allowed(somePairs(350, 200_000)))
      .thenDecided({ type: 'advanced', command: { stage: 1, weightsPpm: { candidate: 50_000 } } });
    // The analyzer's own judgement of where to begin is a second bound.
    given(started)
      .when(judged(5, [somePairs(350, 200_000, { firstStage: { stage: 1, sharePpm: 20_000 } })]))
      .thenDecided({ type: 'advanced', command: { stage: 1, weightsPpm: { candidate: 20_000 } } });
    // An approval that is missing further up allows no more than the pairs do.
    given(define(T0, gated(3)))
      .when(allowed(somePairs(350, 50_000)))
      .thenDecided({ type: 'advanced', command: { stage: 1, weightsPpm: { candidate: 50_000 } } });
  });

  it('can pause it and let it go on, copies and all', () => {
    const paused = operator('pause', minutes(1));
    given(started)
      .when(paused)
      .thenDecided({ type: 'paused', command: { shadow: COPIES, message: /^Paused by ana in the shadow/ } });
    given(started, paused)
      .when(judged(2, [somePairs(350, 200_000)]))
      .thenNothing();
    given(started, paused)
      .when(operator('resume', minutes(3)))
      .thenDecided({ type: 'resumed', command: { shadow: COPIES, weightsPpm: CONTROL_ALONE } });
  });

  it('can’t promote out of it, and can roll back', () => {
    given(started)
      .when(operator('promote', minutes(1)))
      .thenRefused('in-shadow', /without "shadow"/);
    given(started)
      .when(operator('rollback', minutes(1)))
      .thenDecided({ type: 'rolled-back', command: { weightsPpm: CONTROL_ALONE } });
  });

  it('get the same order again, copies included, where a router has not followed it', () => {
    const [, start] = logOf(started);
    const epoch = start && 'command' in start ? start.command.epoch : 0;
    given(started)
      .when({ type: 'contested', atMs: minutes(1), commandId: 'again', epoch, servedEpoch: 0, behind: ['router-1'] })
      .thenDecided({ type: 'alert-raised' }, { type: 'reissued', command: { shadow: COPIES, epoch: epoch + 1 } });
  });
});

const messageOf = (input: DeliveryInput) =>
  logOf(input).flatMap((event) => (event.type === 'started' ? [event.command.message] : []));
const isBefore = (...inputs: DeliveryInput[]) => isBeforeRamp(rebuild(logOf(...inputs)) as StartedState);

describe('a shadow alone', () => {
  const alone = define(T0, shadowed(aShadow({ only: true })));

  it('says when it starts that nothing follows, which a shadow before a ramp does not', () => {
    const said =
      'Revision 1 starts in the shadow: control serves everybody, and copies of 10 % of its requests go to candidate, until 350 pairs are judged.';
    expect(messageOf(define(T0, shadowed()))).toEqual([said]);
    expect(messageOf(alone)).toEqual([`${said} That is all: no share of the traffic follows.`]);
  });

  it('is before its ramp to its end, a shadow that a share follows is not', () => {
    const pairs = judged(1, [somePairs(350, 200_000)]);
    expect([isBefore(alone), isBefore(alone, pairs), isBefore(alone, operator('end', minutes(1)))]).toEqual([
      true,
      true,
      true,
    ]);
    const first = define(T0, shadowed());
    expect([isBefore(first), isBefore(first, pairs), isBefore(first, pairs, operator('end', minutes(2)))]).toEqual([
      true,
      false,
      false,
    ]);
    expect(isBefore(define(T0))).toBe(false);
  });

  it('is passed where its pairs allow a share, and nobody is served all the same', () => {
    given(alone)
      .when(judged(1, [somePairs(350, 200_000)]))
      .thenDecided({
        type: 'concluded',
        outcome: 'passed',
        winner: null,
        command: {
          command: 'conclude',
          weightsPpm: CONTROL_ALONE,
          terminal: true,
          message: /^The shadow is passed: by 350 pairs 20 % of the traffic may be served/,
        },
      });
  });

  it('is inconclusive where they prove nothing, and rolled back where they prove harm', () => {
    given(alone)
      .when(judged(1, [somePairs(350, 0)]))
      .thenDecided({ type: 'concluded', outcome: 'inconclusive', command: { weightsPpm: CONTROL_ALONE } });
    given(alone)
      .when(judged(1, [harmOf('alignment')]))
      .thenDecided({ type: 'rolled-back' });
    given(alone, judged(1, [somePairs(350, 200_000)]))
      .when(judged(2, [harmOf('alignment', 350)]))
      .thenDecided({ type: 'arm-disqualified' });
  });
});

describe('whatever happens in a shadow', () => {
  const pairs = fc
    .record({
      n: fc.integer({ min: 0, max: 700 }),
      allowsPpm: fc.constantFrom(0, 10_000, 50_000, 200_000, 500_000, 1_000_000),
      isHarmful: fc.boolean(),
    })
    .map(({ n, allowsPpm, isHarmful }) => (isHarmful ? harmOf('alignment', n) : somePairs(n, allowsPpm)));
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(pairs, fc.constantFrom(HEALTHY, SCORES_SILENT, COVERAGE_GAP)).map(
        ([of, health]) =>
          (atMinute: number): DeliveryInput =>
            judged(atMinute, [of], { health }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constant((atMinute: number): DeliveryInput => analysed(minutes(atMinute), [harmful('alignment')])),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom('pause', 'resume', 'promote').map(
        (type) =>
          (atMinute: number): DeliveryInput =>
            operator(type, minutes(atMinute)),
      ),
    },
    { weight: 1, arbitrary: fc.constant((atMinute: number): DeliveryInput => tick(minutes(atMinute), minutes(0))) },
  );

  it('no candidate gets a request before the pairs are complete, and then no more than they allow', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let state: DeliveryState = decider.decide(initialState, started).reduce(decider.evolve, initialState);
        for (const [index, next] of steps.entries()) {
          const input = next(index + 1);
          const wasInShadow = isInShadow(state);
          for (const event of decided(state, input)) {
            state = decider.evolve(state, event);
            if (wasInShadow && 'command' in event) expectAllowed(event.command.weightsPpm['candidate'] ?? 0, input);
          }
        }
      }),
    );
  });
});

function decided(state: DeliveryState, input: DeliveryInput) {
  try {
    return decider.decide(state, input);
  } catch (error) {
    if (error instanceof DecisionRefusedError) return [];
    throw error;
  }
}

function expectAllowed(candidatePpm: number, input: DeliveryInput): void {
  if (candidatePpm === 0) return;
  const [of] = input.type === 'analysed' ? (input.analysis.pairs ?? []) : [];
  expect(of?.n).toBeGreaterThanOrEqual(350);
  expect(candidatePpm).toBeLessThanOrEqual(Math.max(10_000, of?.allowsPpm ?? 0));
  expect(candidatePpm).toBeLessThan(1_000_000);
}
