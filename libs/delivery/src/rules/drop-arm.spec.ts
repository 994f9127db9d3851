import { describe, expect, it } from 'vitest';
import { layoutOf, variantOf } from '#libs/assignment';
import { type AllocationCommanded, type ExperimentSpec, type MetricAnalysis, MILLION } from '#libs/contracts';
import {
  analysed,
  aPairedMetric,
  aShadow,
  aSpec,
  aStage,
  aUtility,
  define,
  explicitRamp,
  harmful,
  logOf,
  minutes,
  objectives,
  operator,
  provenUpTo,
  refusalOf,
  SCORES_SILENT,
  somePairs,
  T0,
  tick,
} from '#libs/testing/delivery';
import { simulationRandom } from '#libs/testing/random';
import { decider } from '../decider.js';
import { deliveryEvent } from '../events.js';
import { rebuild } from '../evolve.js';
import type { DeliveryInput } from '../inputs.js';
import { initialState, type StartedState } from '../state.js';

const { control, candidate } = aSpec().variants as Record<'control' | 'candidate', ExperimentSpec['variants'][string]>;
const arm = (steps: number) => ({ ...candidate, config: { ...candidate.config, steps } });
const test = (names: readonly string[], overrides: Partial<ExperimentSpec> = {}): ExperimentSpec =>
  aSpec({
    kind: 'ab',
    objectives: [{ metric: 'quality', weight: 1 }],
    variants: { control, ...Object.fromEntries(names.map((name, index) => [name, arm(index + 1)])) },
    ...overrides,
  });
const of = (name: string, metric: MetricAnalysis): MetricAnalysis => ({ ...metric, candidate: name });
const safe = (name: string) => [
  of(name, provenUpTo('alignment', MILLION)),
  of(name, provenUpTo('error-rate', MILLION)),
];
const spoilt = (name: string) => [of(name, harmful('alignment')), of(name, provenUpTo('error-rate', MILLION))];

const reading = (verdict: 'beyond' | 'within') => ({
  verdict,
  isBrokenNow: false,
  units: 300,
  lnE: { beyond: 9, within: 5 },
});

const limitOf = (name: string, verdict: 'beyond' | 'within') => [
  of(name, provenUpTo('alignment', 200_000)),
  of(name, {
    ...provenUpTo('error-rate', 200_000),
    limit: { kind: 'at-most', value: 0.05, control: reading('within'), candidate: reading(verdict) },
  }),
];

const brokenLimitOfB = (minute: number) =>
  analysed(minutes(minute), [...limitOf('a', 'within'), ...limitOf('b', 'beyond')]);

const messages = (...inputs: DeliveryInput[]) =>
  logOf(define(T0, test(['a', 'b'])), ...inputs).flatMap((event) =>
    'command' in event ? [event.command.message] : [],
  );

describe('a test that cannot be judged', () => {
  it('names its variants, of which none is the candidate', () => {
    const silent = analysed(minutes(1), [], { health: SCORES_SILENT });
    const [, held, ended] = messages(silent, tick(minutes(60)));
    expect(held).toMatch(/^Cannot judge a and b: the scorer is silent/);
    expect(ended).toMatch(/^a and b could not be judged: held for 30 min because of a silent scorer\./);
    const unheard = tick(minutes(5), T0);
    expect(messages(unheard)[1]).toMatch(/^Cannot judge a and b: no analysis has arrived/);
    expect(JSON.stringify(messages(silent, tick(minutes(60))))).not.toMatch(/the candidate/i);
  });
});

function play(...inputs: readonly DeliveryInput[]) {
  const log = logOf(...inputs);
  const state = log.reduce(decider.evolve, initialState);
  expect(rebuild(log.map((event) => deliveryEvent.parse(JSON.parse(JSON.stringify(event)))))).toEqual(state);
  return {
    state: state as StartedState,
    log,
    commands: log.flatMap((event) => ('command' in event ? [event.command] : [])),
  };
}

const drop = (variant: string, minute = 1): DeliveryInput => ({ ...operator('drop-arm', minutes(minute)), variant });

describe('a candidate that a person drops', () => {
  it('loses its share to control, and the test goes on with the others, paused as it was', () => {
    const { state, commands } = play(
      define(minutes(0), test(['a', 'b', 'c'])),
      operator('pause', minutes(0.5)),
      drop('b'),
      drop('b', 2),
    );
    const [before, , after] = commands as AllocationCommanded[];
    expect(state).toMatchObject({ phase: 'paused', dropped: ['b'] });
    expect(commands).toHaveLength(3);
    expect(after!.weightsPpm).toEqual({
      ...before!.weightsPpm,
      b: 0,
      control: before!.weightsPpm['control']! + before!.weightsPpm['b']!,
    });
    expect(after!.message).toMatch(/^b dropped by ana, .* goes on with a and c: “because I say so”$/);
  });

  it('has to be one of several that are in the test still', () => {
    const two = test(['a', 'b']);
    const why = (...inputs: DeliveryInput[]) => refusalOf(() => play(define(minutes(0), two), ...inputs));
    expect(why(drop('control'))?.code).toBe('unknown-variant');
    expect(why(drop('a'), drop('b', 2))).toMatchObject({
      code: 'last-candidate',
      message: expect.stringMatching(/rollback/),
    });
    expect(why(operator('end', minutes(1)), drop('a', 2))?.code).toBe('already-ended');
  });
});

const started = define(minutes(0), test(['a', 'b', 'c']));
const climbed = analysed(minutes(1), ['a', 'b', 'c'].flatMap(safe));
const harmOfB = analysed(minutes(2), [...safe('a'), ...spoilt('b'), ...safe('c')]);

const harmOfAll = (minute: number) => analysed(minutes(minute), ['a', 'b', 'c'].flatMap(spoilt));
const promote = (variant?: string): DeliveryInput => ({
  ...operator('promote', minutes(5)),
  ...(variant === undefined ? {} : { variant }),
});
const at = (minute: number, ...utilities: Parameters<typeof objectives>) =>
  analysed(minutes(minute), [], objectives(...utilities));

const refusal = (variant?: string) => refusalOf(() => play(started, climbed, harmOfB, promote(variant)));

describe('a harmful arm of several', () => {
  it('loses its traffic to control, and the test goes on with the others', () => {
    const { state, commands } = play(started, climbed, harmOfB, harmOfB);
    expect(commands.at(-2)?.weightsPpm).toEqual({ control: 250_000, a: 250_000, b: 250_000, c: 250_000 });
    expect(state).toMatchObject({ phase: 'running', dropped: ['b'], stage: state.stage });
    expect(commands.map(({ command }) => command)).toEqual(['start', 'advance', 'drop-arm']);
    expect(commands.at(-1)).toMatchObject({
      weightsPpm: { control: 500_000, a: 250_000, b: 0, c: 250_000 },
      reason: 'harmful',
      terminal: false,
      evidence: { candidate: 'b', metric: 'alignment' },
    });
    expect(commands.at(-1)?.message).toContain(
      'b is dropped, its share goes to control; the test goes on with a and c.',
    );
  });

  it('gets no copies of a shadow any more', () => {
    const shadowed = define(minutes(0), test(['a', 'b', 'c'], aShadow()));
    const harmed = somePairs(60, 0, { candidate: 'b', metrics: [aPairedMetric('alignment', { verdict: 'harmful' })] });
    const { commands } = play(shadowed, analysed(minutes(1), [], { pairs: [harmed] }));
    expect(commands.at(-1)).toMatchObject({ command: 'drop-arm', shadow: { candidates: ['a', 'c'] } });
  });

  it('rolls back what ended and still serves it with others', () => {
    const held = define(minutes(0), test(['a', 'b', 'c'], { onInconclusive: 'hold' }));
    const ended = play(held, tick(minutes(60 * 25)));
    expect(ended.state).toMatchObject({ phase: 'concluded', outcome: 'inconclusive' });
    expect(ended.state.weightsPpm['b']).toBeGreaterThan(0);
    const { commands } = play(held, tick(minutes(60 * 25)), { ...harmOfB, atMs: minutes(60 * 26) });
    expect(commands.at(-1)).toMatchObject({ command: 'rollback', weightsPpm: { control: MILLION, b: 0 } });
  });

  it('by a limit is not answered again after the rollback', () => {
    const log = [define(minutes(0), test(['a', 'b'])), operator('rollback', minutes(1)), brokenLimitOfB(2)] as const;
    expect(play(...log).log).toHaveLength(play(...log.slice(0, 2)).log.length);
  });

  it('gives the others no larger share than they would have had', () => {
    const early = analysed(minutes(1), [...safe('a'), ...spoilt('b'), ...safe('c')]);
    const later = analysed(minutes(2), [...safe('a'), ...safe('c')]);
    expect(play(started, early, later).state.weightsPpm).toEqual({ control: 500_000, a: 250_000, b: 0, c: 250_000 });
  });

  it('does not keep the race open, and does not win it', () => {
    const race = objectives(
      aUtility('a', 0.05, 0.07, 'better'),
      aUtility('b', 0.2, 0.3, 'better'),
      aUtility('c', 0, 0.01, 'futile'),
    );
    const decided = analysed(minutes(3), [...safe('a'), ...spoilt('b'), ...safe('c')], race);
    const { state } = play(started, climbed, harmOfB, decided);
    expect(state).toMatchObject({ phase: 'concluded', outcome: 'winner', winner: 'a' });
  });

  it('is dropped from a pause and a hold, which go on', () => {
    expect(play(started, climbed, operator('pause', minutes(1.5)), harmOfB).state).toMatchObject({
      phase: 'paused',
      pausedAtMs: minutes(1.5),
      dropped: ['b'],
    });
    const { state } = play(started, climbed, harmOfB, operator('pause', minutes(3)), operator('resume', minutes(4)));
    expect(state).toMatchObject({ dropped: ['b'], weightsPpm: { b: 0 } });
  });

  it('is rolled back where it is the last one', () => {
    const { state, commands } = play(started, climbed, harmOfAll(2), harmOfAll(3), harmOfAll(4), harmOfAll(5));
    expect(commands.slice(2).map(({ command }) => command)).toEqual(['drop-arm', 'drop-arm', 'rollback']);
    expect(state).toMatchObject({ phase: 'rolled-back', weightsPpm: { control: MILLION } });
  });

  it('is out for good where it broke an absolute limit: its limit holds and rolls back nobody else', () => {
    const limits: ExperimentSpec['limits'] = [{ metric: 'error-rate', kind: 'at-most', value: 0.05 }];
    const begin = define(minutes(0), test(['a', 'b'], { limits }));
    const { state, commands } = play(begin, brokenLimitOfB(1), brokenLimitOfB(2), brokenLimitOfB(3));
    expect(commands.map(({ command }) => command)).toEqual(['start', 'drop-arm', 'advance']);
    expect(state).toMatchObject({ phase: 'running', dropped: ['b'], weightsPpm: { a: 100_000, b: 0 } });
    const won = { ...operator('promote', minutes(1)), variant: 'a' };
    const { log } = play(begin, won, brokenLimitOfB(2), brokenLimitOfB(3), brokenLimitOfB(4));
    expect(log.filter(({ type }) => type === 'arm-disqualified')).toHaveLength(1);
  });

  it('that lost undoes no winner when its harm comes late; harm of the winner does', () => {
    const race = objectives(
      aUtility('a', 0.05, 0.07, 'better'),
      aUtility('b', 0, 0.01, 'futile'),
      aUtility('c', 0, 0.01, 'futile'),
    );
    const won = analysed(minutes(2), ['a', 'b', 'c'].flatMap(safe), race);
    const late = (name: string, minute: number) => analysed(minutes(minute), spoilt(name));
    const { state, log } = play(started, climbed, won, late('b', 3), late('b', 4));
    expect(state).toMatchObject({ phase: 'concluded', winner: 'a', weightsPpm: { a: MILLION } });
    expect(log.filter(({ type }) => type === 'arm-disqualified')).toHaveLength(1);
    const both = analysed(minutes(5), ['a', 'b', 'c'].flatMap(spoilt));
    expect(play(started, climbed, won, both, both, both).state.phase).toBe('rolled-back');
    expect(play(started, climbed, won, late('a', 3)).state.phase).toBe('rolled-back');
  });

  it('moves nobody of another arm, whatever was dropped and raised before', () => {
    const random = simulationRandom(5);
    const buckets = Array.from({ length: 2_000 }, (_, index) => index * 500);
    for (let run = 0; run < 40; run += 1) {
      const names = ['a', 'b', 'c', 'd', 'e'].slice(0, 2 + Math.floor(random.uniform() * 4));
      const inputs: DeliveryInput[] = [define(minutes(0), test(names))];
      const dropped: string[] = [];
      for (let minute = 1; minute < 12; minute += 1) {
        const harmed = random.uniform() < 0.3 ? names[Math.floor(random.uniform() * names.length)] : undefined;
        if (harmed !== undefined && !dropped.includes(harmed)) dropped.push(harmed);
        const share = [20_000, 100_000, 500_000, MILLION][Math.floor(minute / 3)] as number;
        const judged = names.flatMap((name) =>
          name === harmed
            ? spoilt(name)
            : [of(name, provenUpTo('alignment', share)), of(name, provenUpTo('error-rate', share))],
        );
        inputs.push(analysed(minutes(minute), judged));
      }
      const { commands } = play(...inputs);
      commands.forEach((command, index) => {
        const before = commands[index - 1];
        if (before && command.command !== 'rollback') expectStaying(names, buckets, before, command);
      });
    }
  });
});

function expectStaying(
  names: readonly string[],
  buckets: readonly number[],
  before: AllocationCommanded,
  after: AllocationCommanded,
): void {
  const layout = ({ weightsPpm, segments }: AllocationCommanded) =>
    segments ? { control: 'control', segments } : layoutOf('control', ['control', ...names], weightsPpm);
  const [was, is] = [layout(before), layout(after)];
  const moved = buckets.filter((bucket) => {
    const name = variantOf(was, bucket);
    return name !== 'control' && (after.weightsPpm[name] ?? 0) > 0 && variantOf(is, bucket) !== name;
  });
  expect([after.command, moved]).toEqual([after.command, []]);
}

describe('a winner by hand', () => {
  it('is one of the candidates that are in the race', () => {
    const { state, commands } = play(started, climbed, harmOfB, promote('c'));
    expect(state).toMatchObject({ phase: 'promoted', weightsPpm: { c: MILLION } });
    expect(commands.at(-1)).toMatchObject({
      actor: 'ana',
      message: 'c promoted by ana without waiting for the proof: “because I say so”',
    });
    expect([refusal(), refusal('b'), refusal('z')].map((refused) => refused?.code)).toEqual([
      'promotion-needs-one-candidate',
      'variant-is-harmful',
      'unknown-variant',
    ]);
    expect(refusal('b')?.message).toContain('expected one of a, c');
  });
});

describe('a test without guardrails', () => {
  const ramp = explicitRamp(
    aStage(20_000, { atLeastMs: 60_000 }),
    aStage(400_000, { atLeastMs: 60_000 }),
    aStage(MILLION),
  );
  const unguarded = define(minutes(0), test(['a', 'b'], { guardrails: [], ramp }));

  it('climbs its stages by their own conditions up to the equal split, and concludes', () => {
    const open = [aUtility('a', -0.1, 0.1), aUtility('b', -0.1, 0.1)];
    const climbing = [unguarded, at(0.5, ...open), at(1, ...open), at(2, ...open), at(3, ...open), at(4, ...open)];
    const { state, commands } = play(...climbing);
    expect(commands.map(({ stage }) => stage)).toEqual([0, 1, 2]);
    expect(state).toMatchObject({ phase: 'running', weightsPpm: { a: 333_333, b: 333_333 } });
    const won = at(5, aUtility('a', 0.05, 0.07, 'better'), aUtility('b', 0, 0.01, 'futile'));
    expect(play(...climbing, won).state).toMatchObject({ phase: 'concluded', winner: 'a' });
    expect(play(...climbing, tick(minutes(60 * 25))).state).toMatchObject({
      phase: 'concluded',
      outcome: 'inconclusive',
    });
  });
});
