import { describe, expect, it } from 'vitest';
import { simulationRandom } from '#libs/testing/random';
import type { ExperimentSpec } from '#libs/contracts';
import {
  analysed,
  approval,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  minutes,
  operator,
  provenUpTo,
  refusalOf,
  restarted,
  tick,
} from '#libs/testing/delivery';
import { decider } from '../decider.js';
import { rebuild } from '../evolve.js';
import type { DeliveryInput } from '../inputs.js';
import type { DecisionRefusedError } from '../operator/refusal.js';
import { initialState, isActive, type DeliveryState, type StartedState } from '../state.js';
import { adoptService } from './adopt.js';
import { decideOnService } from './decide-on-service.js';
import { serviceEvent, type ServiceEvent } from './events.js';
import { evolveService } from './evolve-service.js';
import { operateService, type ServiceInput } from './operate-service.js';
import { claimedRoute, refuseTakenRoute } from './route.js';
import { newService, wasPausedWith } from './state.js';

/** A service with experiments by key, each decided about as the decision service does it. */
class Play {
  service = newService('text-to-image');
  readonly experiments = new Map<string, DeliveryState>();
  readonly log: ServiceEvent[] = [];

  of(key: string): DeliveryState {
    return this.experiments.get(key) ?? initialState;
  }

  get held() {
    return this.service.slots[0]?.heldBy ?? null;
  }

  started(key: string): StartedState {
    return this.of(key) as StartedState;
  }

  take(key: string, input: DeliveryInput): this {
    const { events, serviceEvents } = decideOnService(this.service, this.of(key), input);
    if (events.length > 0) this.experiments.set(key, events.reduce(decider.evolve, this.of(key)));
    return this.happened(serviceEvents);
  }

  order(input: ServiceInput): this {
    return this.happened(operateService(this.service, input));
  }

  refusal(key: string, input: DeliveryInput): DecisionRefusedError | undefined {
    return refusalOf(() => decideOnService(this.service, this.of(key), input));
  }

  private happened(events: readonly ServiceEvent[]): this {
    this.service = events.reduce(evolveService, this.service);
    this.log.push(...events);
    return this;
  }
}

const CONTROL = aSpec().variants['control']!;
const CANDIDATE = aSpec().variants['candidate']!;
/** Fingerprints as the decision service makes them: equal for equal configurations. */
const fingerprintsOf = (spec: ExperimentSpec) => ({
  fingerprints: Object.fromEntries(
    Object.entries(spec.variants).map(([name, { config }]) => [name, `f-${config.sampler}-${config.steps}`]),
  ),
});
const about = (key: string, overrides: Partial<ExperimentSpec> = {}): ExperimentSpec => aSpec({ key, ...overrides });
const defined = (key: string, minute: number, overrides: Partial<ExperimentSpec> = {}) => {
  const spec = about(key, overrides);
  return define(minutes(minute), spec, fingerprintsOf(spec));
};
const proven = (key: string, minute: number, revision = 1) =>
  analysed(minutes(minute), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)], {
    experiment: key,
    revision,
  });
const harm = (key: string, minute: number, revision = 1) =>
  analysed(minutes(minute), [harmful('alignment')], { experiment: key, revision });
const other = { ...CANDIDATE, config: { ...CANDIDATE.config, steps: 7 } };
const fromCandidate = { variants: { control: CANDIDATE, candidate: other } };

/** An experiment that was decided about on its own. */
const old = (key: string, atMs: number, ...more: DeliveryInput[]) =>
  [define(atMs, about(key), fingerprintsOf(about(key))), ...more].reduce<DeliveryState>(
    (state, input) => decider.decide(state, input).reduce(decider.evolve, state),
    initialState,
  ) as StartedState;
const adopted = (...states: StartedState[]) =>
  adoptService(states, minutes(9)).reduce(evolveService, newService('text-to-image'));

const mode = (to: 'open' | 'paused' | 'drained' | 'deleted', minute: number) =>
  ({ type: 'set-mode', mode: to, atMs: minutes(minute), actor: 'ana', note: 'an audit' }) as const;

/** Harm of three candidates of experiment one, the first the worst. */
const harmOfAll = (minute: number) => {
  const strength = { candidate: 9, b: 5, c: 4 };
  const metrics = Object.entries(strength).map(([candidate, strongest]) => ({
    ...harmful('alignment'),
    candidate,
    lnE: { harmful: strongest, nonInferior: -9 },
  }));
  return analysed(minutes(minute), metrics, { experiment: 'one' });
};

describe('a service', () => {
  it('latches what late scores prove harmful, also where another experiment runs meanwhile', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', operator('end', minutes(1)));
    play.take('two', defined('two', 2, { variants: { control: CONTROL, candidate: other } }));
    const { epoch } = play.service;
    play.take('one', harm('one', 3)).take('one', harm('one', 4));
    expect(play.of('one')).toMatchObject({ phase: 'concluded', dropped: ['candidate'] });
    expect(Object.keys(play.service.latched)).toEqual(['f-unipc-12']);
    expect([play.service.epoch, play.held?.experiment]).toEqual([epoch, 'two']);
    // What a later experiment has proven meanwhile, and is served, stays.
    const served = new Play().take('one', defined('one', 0)).take('one', operator('end', minutes(1)));
    served.take('two', defined('two', 2)).take('two', proven('two', 3)).take('one', harm('one', 4));
    expect(served.service).toMatchObject({ baseline: { fingerprint: 'f-unipc-12' }, latched: {} });
  });

  it('latches every loser that late scores prove harmful at once, also beside a worse one that is served meanwhile', () => {
    const third = { ...CANDIDATE, config: { ...CANDIDATE.config, steps: 9 } };
    const variants = { control: CONTROL, candidate: CANDIDATE, b: other, c: third };
    const test: Partial<ExperimentSpec> = { kind: 'ab', objectives: [{ metric: 'quality', weight: 1 }], variants };
    const play = new Play().take('one', defined('one', 0, test)).take('one', operator('end', minutes(1)));
    expect(Object.keys(play.take('one', harmOfAll(2)).service.latched)).toEqual([
      'f-unipc-12',
      'f-unipc-7',
      'f-unipc-9',
    ]);
    expect(play.of('one')).toMatchObject({ phase: 'concluded', dropped: ['candidate', 'b', 'c'] });
    const served = new Play().take('one', defined('one', 0, test)).take('one', operator('end', minutes(1)));
    served.take('two', defined('two', 2)).take('two', proven('two', 3)).take('one', harmOfAll(4));
    expect(served.service).toMatchObject({ baseline: { fingerprint: 'f-unipc-12' } });
    expect(Object.keys(served.service.latched)).toEqual(['f-unipc-7', 'f-unipc-9']);
  });

  it('knows which pauses were its own, also when it is told to go on a second time', () => {
    const play = new Play().take('one', defined('one', 0));
    expect(wasPausedWith(play.service, minutes(1))).toBe(false);
    play.order(mode('paused', 2));
    const pauses = [1, 2, 3, 5].map((minute) => minutes(minute));
    const own = (): boolean[] => pauses.map((atMs) => wasPausedWith(play.service, atMs));
    expect(own()).toEqual([false, true, true, true]);
    play.order(mode('open', 4));
    expect(own()).toEqual([false, true, true, false]);
  });

  it('has the control of its first experiment as baseline, and one experiment in its slot', () => {
    const play = new Play().take('one', defined('one', 0));
    expect(play.service).toMatchObject({
      baseline: { upstream: CONTROL.upstream, fingerprint: 'f-dpmpp-2m-24' },
      slots: [{ id: 'all', heldBy: { experiment: 'one', revision: 1 } }],
      epoch: 1,
    });
    const refused = play.refusal('two', defined('two', 1));
    expect(refused?.code).toBe('slot-taken');
    expect(refused?.message).toMatch(/^text-to-image runs experiment one \(revision 1\)/);
  });

  it('has the route that a file names, which outlives the experiment, and which every order tells the routers', () => {
    const route = { path: '/v1/images' };
    const play = new Play().take('one', defined('one', 0, { route }));
    expect(play.service.baseline?.route).toEqual(route);
    play.take('one', proven('one', 1));
    expect(play.service.baseline).toMatchObject({ upstream: CANDIDATE.upstream, route });
    expect(play.started('one').lastCommand.baseline).toMatchObject({ upstream: CANDIDATE.upstream, route });
    // A file that says nothing of it leaves it, and so does a new baseline that does not take it away.
    play.take('two', defined('two', 2, fromCandidate)).take('two', harm('two', 3));
    expect(play.service.baseline?.route).toEqual(route);
    const baseline = { upstream: CONTROL.upstream, config: CONTROL.config, fingerprint: 'f-elsewhere' };
    const set = { type: 'set-baseline' as const, atMs: minutes(4), actor: 'ana', note: 'moved', baseline };
    expect(play.order(set).service.baseline).toEqual({ ...baseline, route });
    expect(play.order({ ...set, route: { path: '/pictures' } }).service.baseline?.route).toEqual({ path: '/pictures' });
    expect(play.order({ ...set, route: null }).service.baseline).toEqual(baseline);
    const { baseline: _served, ...alone } = set;
    expect(play.order({ ...alone, route }).service.baseline).toEqual({ ...baseline, route });
    expect(play.order({ ...alone, route: null }).service.baseline).toEqual(baseline);
    expect(() => new Play().order({ ...alone, route })).toThrow('no baseline yet');
  });

  it('gets no route that another service has', () => {
    const route = { host: 'images.example.com', path: '/' };
    const owner = new Play().take('one', defined('one', 0, { route })).service;
    const asking = newService('upscale');
    expect(claimedRoute(owner, defined('one', 1, { route }), [])).toBeUndefined();
    expect(claimedRoute(asking, defined('two', 1), [])).toBeUndefined();
    expect(claimedRoute(asking, defined('two', 1, { route }), [])).toEqual(route);
    const events = decideOnService(asking, initialState, defined('two', 1, { route })).serviceEvents;
    expect(claimedRoute(asking, undefined, events)).toEqual(route);
    const refused = refusalOf(() => refuseTakenRoute('upscale', route, [asking, owner]));
    expect(refused?.code).toBe('route-taken');
    expect(refused?.message).toMatch(/^images\.example\.com\/ is the route of text-to-image/);
    expect(refusalOf(() => refuseTakenRoute('upscale', { path: '/' }, [asking, owner]))).toBeUndefined();
    expect(refusalOf(() => refuseTakenRoute('text-to-image', route, [owner]))).toBeUndefined();
  });

  it('is served by what was promoted, and the next experiment starts from that', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', proven('one', 1));
    expect(play.of('one').phase).toBe('promoted');
    expect(play.service).toMatchObject({ slots: [{ heldBy: null }], baseline: { fingerprint: 'f-unipc-12' } });
    const refused = play.refusal('two', defined('two', 2));
    expect(refused?.code).toBe('control-is-not-the-baseline');
    expect(refused?.message).toContain("sampler is dpmpp-2m, the baseline's unipc; steps is 24, the baseline's 12");
    play.take('two', defined('two', 2, fromCandidate));
    expect(play.started('two').lastCommand).toMatchObject({
      epoch: 3,
      baseline: { upstream: CANDIDATE.upstream, fingerprint: 'f-unipc-12' },
    });
  });

  it('has one order of epochs, whichever experiment an order comes from', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', operator('rollback', minutes(1)));
    play.take('two', defined('two', 2, { variants: { control: CONTROL, candidate: other } }));
    expect([play.started('one').epoch, play.started('two').epoch]).toEqual([2, 3]);
    expect(play.service.epoch).toBe(3);
  });

  it('does not take a configuration back that was rolled back, until somebody asks for a retry', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', harm('one', 1));
    expect(play.service.latched).toMatchObject({ 'f-unipc-12': { experiment: 'one', revision: 1 } });
    for (const key of ['one', 'two']) {
      const refused = play.refusal(key, defined(key, 2, { deadlineMs: 24 * 3_600_000 + 1 }));
      expect(refused?.code).toBe('fingerprint-latched');
      expect(refused?.message).toContain('POST /v1/services/text-to-image/retry with {"fingerprint": "f-unipc-12"');
    }
    const wrong = { type: 'retry', atMs: minutes(3), actor: 'ana', note: 'why not', fingerprint: 'f-none' } as const;
    expect(refusalOf(() => play.order(wrong))?.message).toContain('expected one of: f-unipc-12');
    play.order({ ...wrong, fingerprint: 'f-unipc-12' }).take('two', defined('two', 4));
    expect(play.of('two').phase).toBe('running');
  });

  it('lifts the latch by a new attempt, which is a retry of the same file', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', harm('one', 1));
    play.take('one', operator('new-attempt', minutes(2), 'the driver was wrong'));
    expect(play.service).toMatchObject({ latched: {}, slots: [{ heldBy: { experiment: 'one', revision: 2 } }] });
    expect(play.log.find(({ type }) => type === 'latch-lifted')).toMatchObject({ note: 'the driver was wrong' });
  });

  it('latches the arm that was harmful, not its neighbours, and never what control is made of', () => {
    const spec = { kind: 'ab' as const, objectives: [{ metric: 'quality', weight: 1 }] };
    const variants = { control: CONTROL, candidate: CANDIDATE, b: other };
    const play = new Play().take('one', defined('one', 0, { ...spec, variants })).take('one', harm('one', 1));
    expect(play.of('one')).toMatchObject({ phase: 'running', dropped: ['candidate'] });
    expect(Object.keys(play.service.latched)).toEqual(['f-unipc-12']);
    const late = new Play().take('one', defined('one', 0, { ...spec, variants }));
    late.take('one', { ...operator('promote', minutes(1)), variant: 'b' }).take('one', harm('one', 2));
    expect(late.of('one')).toMatchObject({ phase: 'promoted', weightsPpm: { b: 1_000_000 } });
    expect(late.service).toMatchObject({ latched: { 'f-unipc-12': {} }, baseline: { fingerprint: 'f-unipc-7' } });
    const same = new Play().take('aa', defined('aa', 0, { variants: { control: CONTROL, candidate: CONTROL } }));
    expect(same.take('aa', operator('rollback', minutes(1))).service.latched).toEqual({});
  });

  it('gets its baseline back when what was promoted is rolled back', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', proven('one', 1));
    play.take('one', operator('rollback', minutes(2)));
    expect(play.service).toMatchObject({ baseline: { fingerprint: 'f-dpmpp-2m-24' }, slots: [{ heldBy: null }] });
    expect(play.service.latched).toHaveProperty('f-unipc-12');
  });

  it('is not taken back past a later experiment: that one is rolled back first', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', proven('one', 1));
    play.take('two', defined('two', 2, fromCandidate));
    const rollback = operator('rollback', minutes(3));
    expect(play.refusal('one', rollback)?.message).toContain(
      'experiment two runs on what it left: roll that back first',
    );
    play.take('two', proven('two', 4));
    expect(play.refusal('one', rollback)?.code).toBe('not-served-any-more');
    expect(play.take('one', harm('one', 5)).of('one').phase).toBe('promoted');
    play.take('two', operator('rollback', minutes(6))).take('one', operator('rollback', minutes(7)));
    expect(play.service.baseline).toMatchObject({ fingerprint: 'f-dpmpp-2m-24' });
  });

  it('is what an experiment is about for ever', () => {
    const play = new Play().take('one', defined('one', 0));
    expect(play.refusal('one', defined('one', 1, { service: 'upscale' }))?.code).toBe('service-is-fixed');
  });

  it('looks again when a draft is approved: the slot may be taken by then', () => {
    const ramp = explicitRamp(aStage(10_000, { approval: 'required' }), aStage(1_000_000));
    const play = new Play().take('draft', defined('draft', 0, { ramp }));
    expect(play.service).toMatchObject({ slots: [{ heldBy: null }], baseline: null, epoch: 0 });
    play.take('one', defined('one', 1));
    expect(play.refusal('draft', approval(minutes(2), 0))?.code).toBe('slot-taken');
    play.take('one', operator('rollback', minutes(3)));
    expect(play.refusal('draft', approval(minutes(4), 0))?.code).toBe('fingerprint-latched');
    play.order({ type: 'retry', atMs: minutes(5), actor: 'ana', note: 'again', fingerprint: 'f-unipc-12' });
    expect(play.take('draft', approval(minutes(6), 0)).started('draft')).toMatchObject({ phase: 'running', epoch: 3 });
  });

  it('is told of another baseline by an operator, while nothing runs', () => {
    const baseline = { upstream: 'http://127.0.0.1:9000/', config: other.config, fingerprint: 'f-unipc-7' };
    const set = { type: 'set-baseline', atMs: minutes(2), actor: 'ana', note: 'deployed by hand', baseline } as const;
    const play = new Play().take('one', defined('one', 0));
    expect(refusalOf(() => play.order(set))?.code).toBe('slot-taken');
    play.take('one', operator('rollback', minutes(1))).order(set);
    expect(play.service).toMatchObject({ baseline, epoch: 3 });
    expect(operateService(play.service, set)).toEqual([]);
  });

  it('keeps the slot of an experiment that ended without a verdict and still serves its candidate', () => {
    const play = new Play().take('one', defined('one', 0, { onInconclusive: 'hold' }));
    const late = { ...proven('one', 60 * 25), analysis: { ...proven('one', 60 * 25).analysis, metrics: [] } };
    play.take('one', late);
    expect(play.of('one')).toMatchObject({ phase: 'concluded', outcome: 'inconclusive' });
    expect(play.held).toMatchObject({ experiment: 'one' });
    expect(play.take('one', operator('rollback', minutes(60 * 26))).held).toBeNull();
  });

  it('keeps in the lists what has ended and still serves a slot, until it is rolled back', () => {
    const play = new Play().take('one', defined('one', 0, { onInconclusive: 'hold' }));
    const late = { ...proven('one', 60 * 25), analysis: { ...proven('one', 60 * 25).analysis, metrics: [] } };
    const archive = operator('archive', minutes(60 * 26));
    expect(play.refusal('one', archive)?.message).toContain('let it end before it is archived');
    play.take('one', late);
    expect(play.refusal('one', archive)?.message).toBe(
      'one has ended and still serves text-to-image: roll it back before it is archived',
    );
    play.take('one', operator('rollback', minutes(60 * 27)));
    expect(play.take('one', archive).of('one')).toMatchObject({ phase: 'rolled-back', archived: true });
  });

  it('of before services had logs is what its newest running experiment serves', () => {
    const promoted = old('one', minutes(0), operator('pause', minutes(1)), operator('promote', minutes(2)));
    const running = old('two', minutes(3));
    expect(adopted(promoted)).toMatchObject({
      epoch: 3,
      slots: [{ heldBy: null }],
      baseline: { fingerprint: 'f-unipc-12' },
    });
    expect(adopted(promoted, running)).toMatchObject({
      epoch: 3,
      slots: [{ heldBy: { experiment: 'two' } }],
      baseline: { fingerprint: 'f-dpmpp-2m-24' },
    });
    expect(adoptService([], 0)).toEqual([]);
  });

  it('is not begun on again by any change of the policy of what was rolled back, under its key or another', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', harm('one', 1));
    const { guardrails } = about('one');
    const looser = guardrails.map((rule) => ({ ...rule, margin: { ...rule.margin, value: rule.margin.value * 2 } }));
    const approved = explicitRamp(aStage(10_000, { approval: 'required' }), aStage(1_000_000));
    const policies: Partial<ExperimentSpec>[] = [
      { deadlineMs: 24 * 3_600_000 + 1 },
      { guardrails: looser },
      { guardrails: guardrails.slice(1) },
      { onInconclusive: 'hold' },
      { ramp: approved },
      { variants: { control: CONTROL, candidate: { ...CANDIDATE, upstream: 'http://127.0.0.1:9009/' } } },
    ];
    for (const key of ['one', 'two']) {
      for (const policy of policies)
        expect(play.refusal(key, defined(key, 2, policy))?.code).toBe('fingerprint-latched');
    }
  });

  it('that is paused lets nothing begin, rise or run out of time; harm rolls back', () => {
    const play = new Play().take('one', defined('one', 0)).order(mode('paused', 1));
    expect(play.take('one', proven('one', 2)).started('one')).toMatchObject({ phase: 'running', stage: 0 });
    expect(play.take('one', tick(minutes(60 * 30))).of('one').phase).toBe('running');
    expect(play.refusal('one', operator('promote', minutes(3)))?.code).toBe('service-paused');
    expect(play.refusal('two', defined('two', 3))?.code).toBe('service-paused');
    expect(refusalOf(() => play.order(mode('deleted', 3)))?.message).toContain('drain it with POST');
    expect(play.take('one', harm('one', 4)).of('one').phase).toBe('rolled-back');
    expect(play.order(mode('deleted', 5)).service).toMatchObject({ mode: 'deleted', epoch: 3 });
    expect(operateService(play.service, mode('deleted', 6))).toEqual([]);
    const { mode: gone, ...open } = play.order(mode('open', 6)).service;
    expect([gone, open.epoch]).toEqual([undefined, 4]);
  });

  it('that is paused or drained lets no time run out, by the clock and after a restart', () => {
    const late = minutes(60 * 30);
    for (const closed of ['paused', 'drained'] as const) {
      const play = new Play().take('one', defined('one', 0)).order(mode(closed, 1));
      expect(play.take('one', tick(late)).of('one').phase).toBe('running');
      expect(play.take('one', restarted(late)).of('one').phase).toBe('running');
      expect(play.take('one', proven('one', 3)).started('one').stage).toBe(0);
      expect(play.take('one', harm('one', 4)).of('one').phase).toBe('rolled-back');
    }
  });

  it('that is drained ends its experiment without latching it, and frees the slot of one whose log is gone', () => {
    const play = new Play().take('one', defined('one', 0)).take('one', operator('end', minutes(1), 'drained'));
    expect(play.of('one')).toMatchObject({ phase: 'concluded', outcome: 'inconclusive' });
    expect([play.held, play.service.latched]).toEqual([null, {}]);
    play.take('two', defined('two', 2));
    const free = {
      type: 'free-slot',
      experiment: 'two',
      atMs: minutes(3),
      actor: 'ana',
      note: 'its log is gone',
    } as const;
    const before = play.service.epoch;
    expect(play.order(free).held).toBeNull();
    expect(play.service.epoch).toBe(before + 1);
    expect(operateService(play.service, free)).toEqual([]);
  });

  it('over random histories: one order of epochs, one holder, a baseline that somebody serves, and a log that tells it all', () => {
    const random = simulationRandom(71);
    const steps = [3, 5, 7, 9].map((count) => ({ ...CANDIDATE, config: { ...CANDIDATE.config, steps: count } }));
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random.uniform() * from.length)] as T;
    for (let history = 0; history < 40; history += 1) {
      const play = new Play();
      const epochs: number[] = [];
      for (let minute = 0; minute < 60; minute += 1) {
        const key = pick(['one', 'two', 'three']);
        const { baseline } = play.service;
        const control = baseline ? { upstream: baseline.upstream, config: baseline.config } : CONTROL;
        const revision = play.of(key).phase === 'absent' ? 1 : (play.of(key) as StartedState).revision;
        const input = pick<() => DeliveryInput>([
          () => defined(key, minute, { variants: { control, candidate: pick(steps) } }),
          () => proven(key, minute, revision),
          () => harm(key, minute, revision),
          () => operator(pick(['pause', 'resume', 'promote', 'rollback', 'new-attempt'] as const), minutes(minute)),
        ])();
        const before = play.service.epoch;
        if (play.refusal(key, input)) continue;
        play.take(key, input);
        if (play.service.epoch > before) epochs.push(play.started(key).lastCommand.epoch);
        const active = [...play.experiments].filter(([, state]) => isActive(state)).map(([name]) => name);
        expect(active).toEqual(play.held ? [play.held.experiment] : []);
      }
      expect(epochs).toEqual([...epochs].sort((left, right) => left - right));
      expect(new Set(epochs).size).toBe(epochs.length);
      const stored = JSON.parse(JSON.stringify(play.log)) as unknown[];
      const read = stored.map((event) => serviceEvent.parse(event));
      expect(read.reduce(evolveService, newService('text-to-image'))).toEqual(play.service);
    }
  });

  it("leaves logs that can be read again: each experiment's is one", () => {
    const play = new Play().take('one', defined('one', 0)).take('one', operator('rollback', minutes(1)));
    const spec = about('two', { variants: { control: CONTROL, candidate: other } });
    const { events } = decideOnService(play.service, initialState, define(minutes(2), spec, fingerprintsOf(spec)));
    expect(rebuild(events)).toMatchObject({ phase: 'running', epoch: 3 });
  });
});
