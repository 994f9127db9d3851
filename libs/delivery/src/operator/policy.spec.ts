import { describe, expect, it } from 'vitest';
import type { ExperimentSpec, Guardrail } from '#libs/contracts';
import {
  analysed,
  approval,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  logOf,
  minutes,
  operator,
  provenUpTo,
  tick,
} from '#libs/testing/delivery';
import { decider } from '../decider.js';
import { deliveryEvent } from '../events.js';
import { rebuild } from '../evolve.js';
import type { DeliveryInput } from '../inputs.js';
import { initialState, type StartedState } from '../state.js';
import { specChanges } from './spec-changes.js';

const MARGIN_2: ExperimentSpec['guardrails'] = [
  { metric: 'alignment', margin: { kind: 'relative', value: 0.02 }, rollbackOn: 'beyond-margin' },
  aSpec().guardrails[1]!,
];

function play(...inputs: readonly DeliveryInput[]) {
  const log = logOf(...inputs);
  const state = log.reduce(decider.evolve, initialState);
  return { state: state as StartedState, log };
}

const proven = (minute: number, policy?: number, revision = 1) =>
  analysed(minutes(minute), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)], {
    revision,
    ...(policy === undefined ? {} : { policy }),
  });
const harm = (minute: number, policy?: number) =>
  analysed(minutes(minute), [harmful('alignment')], policy === undefined ? {} : { policy });
const started = define(minutes(0));

const climbed = analysed(minutes(1), [provenUpTo('alignment', 50_000), provenUpTo('error-rate', 50_000)]);
const longer = (minute: number, overrides: Partial<ExperimentSpec> = {}) =>
  define(minutes(minute), aSpec({ deadlineMs: 48 * 3_600_000, ...overrides }));

const own = (name: string): NonNullable<ExperimentSpec['metrics']>[number] => ({
  name,
  topic: 'generation.completed.v1',
  path: name,
  kind: 'mean',
  level: null,
  per: null,
  direction: 'lower',
  unit: '',
  margin: null,
  bounds: null,
});

const withoutIds = (of: object): unknown => JSON.parse(JSON.stringify(of).replaceAll(/"command-\d+"/g, '"id"'));
const asking = (asked: 'none' | 'required') =>
  explicitRamp(aStage(10_000, { approval: asked }), aStage(1_000_000, { approval: asked }));
const beginningAt = (weightPpm: number): Partial<ExperimentSpec> => ({
  ramp: explicitRamp(aStage(weightPpm), aStage(1_000_000)),
});
const digest = (spec: ExperimentSpec) =>
  Object.fromEntries(Object.entries(spec.variants).map(([name, { config }]) => [name, JSON.stringify(config)]));
const changesOf = (overrides: Partial<ExperimentSpec>, of = aSpec()) => {
  const after = { ...of, ...overrides };
  return specChanges({ spec: of, fingerprints: digest(of) }, { spec: after, fingerprints: digest(after) });
};

const twice = (rule: Guardrail): Guardrail => ({ ...rule, margin: { ...rule.margin, value: 2 * rule.margin.value } });

describe('a changed policy', () => {
  it('changes the revision in place: stage, shares, pause and epoch stay, and the whole specification is told', () => {
    const before = play(started, climbed, operator('pause', minutes(2))).state;
    const { state, log } = play(started, climbed, operator('pause', minutes(2)), longer(3, { guardrails: MARGIN_2 }));
    const { spec, policy, judgedSince, ...rest } = state;
    const { spec: _spec, policy: _policy, judgedSince: _since, ...same } = before;
    expect(withoutIds(rest)).toEqual(withoutIds(same));
    expect(rest).toMatchObject({ phase: 'paused', revision: 1, stage: 2 });
    expect({ policy, judgedSince }).toEqual({ policy: 1, judgedSince: { alignment: 1 } });
    expect(spec.deadlineMs).toBe(48 * 3_600_000);
    expect(log.at(-1)).toMatchObject({
      type: 'policy-changed',
      definition: { revision: 1, policy: 1, spec: { deadlineMs: 48 * 3_600_000 } },
      changes: ["alignment's margin -1% → -2%", 'deadline 24 h → 48 h'],
    });
    const stored = log.map((event) => deliveryEvent.parse(JSON.parse(JSON.stringify(event))));
    expect(rebuild(stored)).toEqual(state);
  });

  it('of a deadline counts from the start', () => {
    const short = define(minutes(60), aSpec({ deadlineMs: 2 * 3_600_000 }));
    expect(play(started, short, tick(minutes(119))).state.phase).toBe('running');
    expect(play(started, short, tick(minutes(120))).state.phase).toBe('concluded');
    expect(play(started, short, define(minutes(61)), tick(minutes(120))).state).toMatchObject({
      policy: 2,
      phase: 'running',
    });
  });

  it('lets nothing rise on an analysis by the policy before, and counts harm by rules that are still the same', () => {
    const changed = longer(2, { guardrails: MARGIN_2 });
    expect(play(started, changed, proven(3)).state).toMatchObject({ phase: 'running', stage: 0 });
    expect(play(started, changed, proven(3, 1)).state.phase).toBe('promoted');
    expect(play(started, changed, harm(3)).state.phase).toBe('running');
    expect(play(started, changed, harm(3, 1)).state.phase).toBe('rolled-back');
    expect(play(started, longer(2), harm(3)).state.phase).toBe('rolled-back');
    expect(
      play(started, changed, longer(3, { guardrails: MARGIN_2, onInconclusive: 'hold' }), harm(4, 1)).state.phase,
    ).toBe('rolled-back');
  });

  it('remembers under which policy a margin became what it is, whatever is ordered since', () => {
    const changed = [started, longer(1, { guardrails: MARGIN_2 }), operator('pause', minutes(2))];
    expect(play(...changed).state.judgedSince).toEqual({ alignment: 1 });
    expect(play(...changed, harm(3)).state.phase).toBe('paused');
    expect(play(...changed, harm(3, 1)).state.phase).toBe('rolled-back');
  });

  it('forgets the file of before where it comes without one: that one again is another policy', () => {
    const first = define(minutes(0), aSpec(), { file: 'digest' });
    expect(play(first).state.file).toBe('digest');
    expect(play(first, longer(1)).state).not.toHaveProperty('file');
    expect(play(first, longer(1), define(minutes(2), aSpec(), { file: 'digest' })).state.policy).toBe(2);
  });

  it('counts no harm by a metric that is defined otherwise since, its parts included', () => {
    const [cost, pictures] = [own('cost'), own('pictures')];
    const quotients = [
      { name: 'cost-per-picture', of: 'cost', per: 'pictures', direction: 'lower', unit: '' } as const,
    ];
    for (const metric of ['cost', 'cost-per-picture']) {
      const guardrails = [{ ...MARGIN_2[0]!, metric }];
      const start = define(minutes(0), aSpec({ metrics: [cost, pictures], quotients, guardrails }));
      const otherwise = (metrics: NonNullable<ExperimentSpec['metrics']>) =>
        define(minutes(1), aSpec({ metrics, quotients, guardrails }));
      const late = analysed(minutes(2), [{ ...harmful('alignment'), metric }]);
      expect(play(start, otherwise([{ ...cost, path: 'price' }, pictures]), late).state).toMatchObject({
        phase: 'running',
        judgedSince: { [metric]: 1 },
      });
      const margin = { kind: 'relative', value: 0.5 } as const;
      expect(play(start, otherwise([{ ...cost, margin }, pictures]), late).state.phase).toBe('rolled-back');
    }
  });

  it('of a draft that was archived and is approved leaves it in the lists', () => {
    const waiting = define(minutes(0), aSpec({ ramp: asking('required') }));
    const { state } = play(waiting, operator('archive', minutes(1)), approval(minutes(2), 0));
    expect(state.phase).toBe('running');
    expect(state).not.toHaveProperty('archived');
  });

  it('takes the default of a guardrail whose own rule is no longer in the file', () => {
    const [alignment, errors] = aSpec().guardrails as [Guardrail, Guardrail];
    const byDefault = { ...twice(errors), byDefault: true as const };
    const asked = define(minutes(1), aSpec({ guardrails: [alignment, byDefault] }));
    expect(play(started, asked).log.at(-1)).toMatchObject({
      type: 'policy-changed',
      changes: ["error-rate's margin +0.5pp → +1pp"],
    });
  });

  it('brings an archived draft back', () => {
    const spec = aSpec({ ramp: asking('required') });
    const { state } = play(define(minutes(0), spec), operator('archive', minutes(1)), longer(2, { ramp: spec.ramp }));
    expect(state).toMatchObject({ phase: 'draft', policy: 1 });
    expect(state).not.toHaveProperty('archived');
  });

  it('does not undo a rollback: with a looser margin too, only a new revision follows', () => {
    const { state, log } = play(started, harm(1), define(minutes(2), aSpec({ guardrails: MARGIN_2 })));
    expect(state).toMatchObject({ revision: 2, policy: 0 });
    expect(log.map(({ type }) => type)).toEqual(['defined', 'started', 'rolled-back', 'defined', 'started']);
  });

  it('keeps the approvals that were given, which a new revision does not', () => {
    const ramp = explicitRamp(aStage(10_000), aStage(500_000, { approval: 'required' }), aStage(1_000_000));
    const spec = (overrides: Partial<ExperimentSpec> = {}) => aSpec({ ramp, ...overrides });
    const approved = [define(minutes(0), spec()), approval(minutes(1), 1)];
    const kept = play(...approved, define(minutes(2), spec({ deadlineMs: 90_000_000 })), proven(3, 1)).state;
    expect(kept).toMatchObject({ stage: 1, approvedStages: [1], revision: 1 });
    const anew = play(...approved, define(minutes(2), spec({ unit: 'session' })), proven(3, undefined, 2)).state;
    expect(anew).toMatchObject({ stage: 0, approvedStages: [], awaitsApprovalOf: 1, revision: 2 });
  });

  it('no longer waits for an approval that is no longer asked for', () => {
    const draft = define(minutes(0), aSpec({ ramp: asking('required') }));
    expect(play(draft).state.phase).toBe('draft');
    const { state, log } = play(draft, define(minutes(1), aSpec({ ramp: asking('none') })));
    expect(state).toMatchObject({ phase: 'running', revision: 1, policy: 1, awaitsApprovalOf: null });
    expect(log.map(({ type }) => type)).toEqual(['defined', 'policy-changed', 'started']);
    const waiting = [draft, approval(minutes(1), 0), proven(2)];
    expect(play(...waiting).state.awaitsApprovalOf).toBe(1);
    expect(play(...waiting, define(minutes(3), aSpec({ ramp: asking('none') }))).state.awaitsApprovalOf).toBeNull();
  });
});

describe('the same file again', () => {
  it('changes nothing, whatever defaults have become since it was written', () => {
    const { guardrails } = aSpec();
    const now = aSpec({ guardrails: guardrails.slice(1), alpha: 0.01 });
    const first = define(minutes(0), aSpec(), { file: 'digest' });
    expect(play(first, define(minutes(1), now, { file: 'digest' })).log).toHaveLength(2);
    expect(play(first, define(minutes(1), now, { file: 'another' })).state.revision).toBe(2);
    expect(play(first, define(minutes(1), now)).state.revision).toBe(2);
    const later = [define(minutes(1), aSpec({ deadlineMs: 1_000_000 }), { file: 'second' })];
    expect(play(first, ...later, define(minutes(2), aSpec(), { file: 'digest' })).state.policy).toBe(2);
  });

  it('changes nothing where an own guardrail gave way to a default that is the same', () => {
    const [alignment, errors] = aSpec().guardrails as [Guardrail, Guardrail];
    const byDefault = { ...errors, byDefault: true as const };
    expect(play(started, define(minutes(1), aSpec({ guardrails: [alignment, byDefault] }))).log).toHaveLength(2);
  });

  it('changes nothing where it says what holds by default, or the same in another order', () => {
    const spec = aSpec({
      audience: [
        { attribute: 'a', in: ['x'] },
        { attribute: 'b', notIn: ['y'] },
      ],
    });
    const same: ExperimentSpec = {
      ...spec,
      rope: 0.01,
      alphaPer: 'guardrail',
      episodes: 'fifth',
      onBrokenControl: 'hold',
      warmUp: { requests: 20, forMs: 60_000 },
      metrics: [],
      watch: [],
      guardrails: spec.guardrails.toReversed(),
      audience: spec.audience.toReversed(),
    };
    expect(play(define(minutes(0), spec), define(minutes(1), same)).log).toHaveLength(2);
    const [alignment, errors] = spec.guardrails as [ExperimentSpec['guardrails'][0], ExperimentSpec['guardrails'][0]];
    const withFloor = { ...alignment, margin: { ...alignment.margin, floor: 0.001 } };
    expect(
      play(define(minutes(0), spec), define(minutes(1), { ...spec, guardrails: [withFloor, errors] })).log,
    ).toHaveLength(2);
  });
});

describe('what is compared', () => {
  const { variants, ramp, guardrails } = aSpec();
  const { control, candidate } = variants as Record<'control' | 'candidate', (typeof variants)[string]>;

  it('is told apart from how it is judged', () => {
    const treatments: readonly (readonly [Partial<ExperimentSpec>, string])[] = [
      [
        { variants: { control, candidate: { ...candidate, config: { ...candidate.config, steps: 9 } } } },
        "candidate's steps 12 → 9",
      ],
      [
        { variants: { control: { ...control, upstream: 'http://a/' }, candidate } },
        "control's upstream http://127.0.0.1:8100/ → http://a/, which is what the service serves",
      ],
      [{ unit: 'session' }, 'unit user → session'],
      [{ audience: [{ attribute: 'plan', in: ['free'] }] }, 'audience changed'],
      [
        { ramp: { ...ramp, stages: ramp.stages.slice(1) } },
        'ramp auto 1 %, 2 %, 5 %, 10 %, 20 %, 50 %, 100 % → auto 2 %, 5 %, 10 %, 20 %, 50 %, 100 %',
      ],
      [{ alpha: 0.01 }, 'alpha 0.05 → 0.01'],
      [{ baselineUnits: 300 }, 'baselineUnits 200 → 300'],
      [{ rope: 0.02 }, 'rope 0.01 → 0.02'],
      [{ shadow: { pairs: 350, ratePpm: 100_000, concurrency: 4 } }, 'shadow changed'],
      [{ episodes: 'off' }, 'episodes fifth → off'],
    ];
    for (const [overrides, words] of treatments)
      expect(changesOf(overrides)).toEqual({ treatment: [words], policy: [] });
    const policies: readonly (readonly [Partial<ExperimentSpec>, string])[] = [
      [
        { variants: { control, candidate: { ...candidate, upstream: 'http://b/' } } },
        "candidate's upstream http://127.0.0.1:8101/ → http://b/",
      ],
      [{ guardrails: guardrails.slice(1) }, 'guardrail alignment is gone'],
      [{ guardrails: [guardrails[0]!, twice(guardrails[1]!)] }, "error-rate's margin +0.5pp → +1pp"],
      [{ limits: [{ metric: 'error-rate', kind: 'at-most', value: 0.1 }] }, "error-rate's limit none → at most 10%"],
      [{ watch: ['alignment-shift'] }, 'watched metric alignment-shift is new'],
      [{ holdAtMostMs: 60_000 }, 'holdAtMost 30 min → 60 s'],
      [{ onInconclusive: 'hold' }, 'onInconclusive rollback → hold'],
      [{ onBrokenControl: 'promote' }, 'onBrokenControl hold → promote'],
      [{ deadlineMs: 24 * 3_600_000 + 1 }, 'deadline changed'],
      [
        {
          ramp: {
            ...ramp,
            stages: ramp.stages.map((stage) => ({ ...stage, atLeastUnits: stage.weightPpm === 20_000 ? 50 : 0 })),
          },
        },
        'least units in stage 1 (2 %) 0 → 50',
      ],
    ];
    for (const [overrides, words] of policies) expect(changesOf(overrides)).toEqual({ treatment: [], policy: [words] });
  });

  it('includes the margins of guardrails that share one alpha: what one gets depends on the others', () => {
    const shared = aSpec({ alphaPer: 'experiment' });
    expect(changesOf({ guardrails: MARGIN_2 }, shared)).toEqual({
      treatment: ["alignment's margin -1% → -2%"],
      policy: [],
    });
  });

  it('includes shares of a ramp that look alike in words', () => {
    expect(changesOf(beginningAt(123_400), aSpec(beginningAt(123_000)))).toEqual({
      treatment: ['ramp changed'],
      policy: [],
    });
  });

  it('includes what the metrics of objectives are, and of guardrails that share one alpha', () => {
    const quotients = [
      { name: 'cost-per-picture', of: 'cost', per: 'pictures', direction: 'lower', unit: '' } as const,
    ];
    const metrics = [own('cost'), own('pictures')];
    const changed: Partial<ExperimentSpec> = { metrics: [{ ...own('cost'), direction: 'higher' }, own('pictures')] };
    const asTreatment = { treatment: ['metric cost changed'], policy: [] };
    const guarded = { metrics, quotients, guardrails: [{ ...MARGIN_2[0]!, metric: 'cost-per-picture' }] };
    expect(changesOf(changed, aSpec({ metrics, quotients }))).toEqual({
      treatment: [],
      policy: ['metric cost changed'],
    });
    expect(changesOf(changed, aSpec(guarded))).toEqual({ treatment: [], policy: ['metric cost changed'] });
    expect(changesOf(changed, aSpec({ ...guarded, alphaPer: 'experiment' }))).toEqual(asTreatment);
    for (const metric of ['cost', 'cost-per-picture']) {
      const objective = aSpec({ kind: 'ab', metrics, quotients, objectives: [{ metric, weight: 1 }] });
      expect(changesOf(changed, objective)).toEqual(asTreatment);
    }
    const objective = aSpec({
      kind: 'ab',
      metrics,
      quotients,
      objectives: [{ metric: 'cost-per-picture', weight: 1 }],
    });
    expect(changesOf({ quotients: [{ ...quotients[0]!, direction: 'higher' }] }, objective)).toEqual({
      treatment: ['quotient cost-per-picture changed'],
      policy: [],
    });
  });
});
