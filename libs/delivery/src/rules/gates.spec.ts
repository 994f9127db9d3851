import { describe, expect, it } from 'vitest';
import {
  analysed,
  approval,
  aShadow,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  logOf,
  minutes,
  operator,
  provenUpTo,
  somePairs,
  T0,
} from '#libs/testing/delivery';
import { decideOnService, evolveService, newService, replayLog, type ServiceEvent } from '../index.js';
import { decider } from '../decider.js';
import type { DeliveryEvent } from '../events.js';
import type { DeliveryInput, GateSaid } from '../inputs.js';
import { initialState, type DeliveryState } from '../state.js';
import { awaitedGates, gatesToAsk } from './gates.js';

const HALF = aStage(500_000, { gates: { before: ['load-test'], after: ['legal'] } });
const gated = aSpec({ ramp: explicitRamp(aStage(10_000), HALF, aStage(1_000_000)) });
const guardedStart = aSpec({
  ramp: explicitRamp(aStage(10_000, { gates: { before: ['smoke'] } }), aStage(1_000_000)),
});

const proven = (minute: number): DeliveryInput =>
  analysed(minutes(minute), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)]);
const said = (minute: number, answer: GateSaid['answer'], more: Partial<GateSaid> = {}): GateSaid => ({
  type: 'gate-said',
  atMs: minutes(minute),
  commandId: `said-${minute}`,
  revision: 1,
  stage: 1,
  when: 'before',
  gate: 'load-test',
  answer,
  reason: 'p95 is 400 ms',
  ...more,
});
const legal = (minute: number, answer: GateSaid['answer']): GateSaid =>
  said(minute, answer, { when: 'after', gate: 'legal', reason: '' });
const smoke = (minute: number, answer: GateSaid['answer']): GateSaid =>
  said(minute, answer, { stage: 0, gate: 'smoke' });

const eventsOf = (...inputs: readonly DeliveryInput[]): readonly DeliveryEvent[] =>
  logOf(define(T0, gated), ...inputs).slice(2);
const typesOf = (...inputs: readonly DeliveryInput[]): readonly string[] => eventsOf(...inputs).map(({ type }) => type);
const stateAfter = (...inputs: readonly DeliveryInput[]): DeliveryState =>
  logOf(...inputs).reduce(decider.evolve, initialState);

const asked = (...inputs: readonly DeliveryInput[]): readonly string[] =>
  gatesToAsk(stateAfter(define(T0, gated), ...inputs)).map(({ gate }) => gate);
const log = (...inputs: readonly DeliveryInput[]): readonly string[] => logOf(...inputs).map(({ type }) => type);

const toHalf = (minute: number): DeliveryInput =>
  analysed(minutes(minute), [provenUpTo('alignment', 500_000), provenUpTo('error-rate', 500_000)]);

describe('a gate of the ramp', () => {
  it('is asked when nothing else is missing, and the analysis after its approval goes on', () => {
    expect(typesOf(proven(1), proven(2))).toEqual(['gate-asked']);
    const events = eventsOf(proven(1), said(2, 'approve'), proven(3));
    expect(events.map(({ type }) => type)).toEqual(['gate-asked', 'gate-answered', 'advanced']);
    expect(events[0]).toMatchObject({
      message: 'Everything that 50 % takes is proven. The ramp waits for gate load-test.',
    });
    expect(events[1]).toMatchObject({
      actor: 'gate load-test',
      message: 'Gate load-test approves 50 %: “p95 is 400 ms”',
    });
    expect(events[2]).toMatchObject({ command: { message: expect.stringContaining('Gate load-test has approved.') } });
  });

  it('stands behind a stage as well, and is asked when that has lasted as long as it is to', () => {
    const half = [proven(1), said(2, 'approve'), proven(3)];
    expect(typesOf(...half, proven(4), proven(5)).slice(3)).toEqual(['gate-asked']);
    expect(typesOf(...half, proven(4), legal(5, 'approve'), proven(6)).slice(3)).toEqual([
      'gate-asked',
      'gate-answered',
      'promoted',
    ]);
  });

  it('of an automatic ramp is asked about the stage that the proof leads to, and about none that is passed over', () => {
    const gates = { before: ['load-test'] };
    const stages = [10_000, 200_000, 500_000, 1_000_000].map((weightPpm, index) =>
      aStage(weightPpm, index === 0 ? {} : { gates }),
    );
    const spec = aSpec({ ramp: { kind: 'auto', stages } });
    const inputs = [toHalf(1), toHalf(2), said(3, 'approve', { stage: 2 }), toHalf(4)];
    const [question, , advanced, ...more] = logOf(define(T0, spec), ...inputs).slice(2);
    expect(question).toMatchObject({ type: 'gate-asked', stage: 2, message: expect.stringContaining('50 %') });
    expect(advanced).toMatchObject({ type: 'advanced', command: { stage: 2 } });
    expect(more).toEqual([]);
    const passedOver = [toHalf(1), analysed(minutes(2), [provenUpTo('alignment', 1e6), provenUpTo('error-rate', 1e6)])];
    const waiting = stateAfter(define(T0, spec), ...passedOver);
    expect(gatesToAsk(waiting).map(({ stage }) => stage)).toEqual([2, 3]);
    const promotable = stateAfter(
      define(T0, spec),
      ...inputs.slice(0, 2),
      said(3, 'wait', { stage: 2 }),
      ...inputs.slice(2),
    );
    expect(awaitedGates(promotable)).toEqual([]);
  });

  it('holds the ramp where it denies, lets wait or gives no answer, and says so as often as that changes', () => {
    const answers = [said(2, 'wait'), said(3, 'wait'), said(4, 'wait', { reason: 'another run' })];
    const silent = [said(5, 'none', { reason: 'a' }), said(6, 'none', { reason: 'b' })];
    const events = eventsOf(proven(1), ...answers, ...silent, said(7, 'deny'), said(8, 'approve'), proven(9));
    expect(events.map((event) => ('answer' in event ? event.answer : event.type))).toEqual([
      'gate-asked',
      'wait',
      'wait',
      'none',
      'deny',
    ]);
    expect(events.at(-1)).toMatchObject({
      message: expect.stringMatching(/^Gate load-test denies 50 %: .* take it out of the file, promote, or roll back/),
    });
  });

  it('delays no rollback, by harm or by a person, whatever it says or does not say', () => {
    const harm = analysed(minutes(9), [harmful('alignment')]);
    for (const answer of ['wait', 'deny', 'none'] as const) {
      expect(typesOf(proven(1), said(2, answer), harm).at(-1)).toBe('rolled-back');
      expect(typesOf(proven(1), said(2, answer), operator('rollback', minutes(9))).at(-1)).toBe('rolled-back');
    }
    expect(typesOf(proven(1), harm).at(-1)).toBe('rolled-back');
    expect(typesOf(proven(1), harm, said(10, 'approve')).at(-1)).toBe('rolled-back');
  });

  it('is what a person may pass by promoting, or by taking it out of the file', () => {
    expect(typesOf(proven(1), said(2, 'deny'), operator('promote', minutes(3))).at(-1)).toBe('promoted');
    const open = aSpec({ ramp: explicitRamp(aStage(10_000), aStage(500_000), aStage(1_000_000)) });
    const events = eventsOf(
      proven(1),
      said(2, 'deny'),
      define(minutes(3), open),
      analysed(minutes(4), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)], { policy: 1 }),
    );
    expect(events.map(({ type }) => type).slice(2)).toEqual(['policy-changed', 'advanced']);
    expect(events[2]).toMatchObject({
      changes: ['gates of stage 1 (50 %) before load-test, after legal → none'],
    });
  });

  it('counts for its revision alone, and only where it was asked', () => {
    expect(typesOf(said(1, 'approve'), proven(2))).toEqual(['gate-asked']);
    expect(typesOf(proven(1), said(2, 'approve', { revision: 2 }), proven(3))).toEqual(['gate-asked']);
  });

  it('is to be asked until it has had its last word, or the experiment has ended', () => {
    expect(asked()).toEqual([]);
    expect(asked(proven(1))).toEqual(['load-test']);
    expect(asked(proven(1), said(2, 'wait'))).toEqual(['load-test']);
    expect(asked(proven(1), said(2, 'approve'))).toEqual([]);
    expect(asked(proven(1), said(2, 'deny'))).toEqual([]);
    expect(asked(proven(1), operator('rollback', minutes(2)))).toEqual([]);
  });
});

describe('a gate before the first stage', () => {
  it('keeps everybody with control until it approves', () => {
    expect(log(define(T0, guardedStart))).toEqual(['defined', 'gate-asked']);
    expect(log(define(T0, guardedStart), smoke(1, 'deny'))).toEqual(['defined', 'gate-asked', 'gate-answered']);
    expect(log(define(T0, guardedStart), smoke(1, 'approve'))).toEqual([
      'defined',
      'gate-asked',
      'gate-answered',
      'started',
    ]);
  });

  it('and an approval by a person are both waited for, whichever comes first', () => {
    const [first, last] = guardedStart.ramp.stages;
    const both = aSpec({ ramp: explicitRamp({ ...first!, approval: 'required' }, last!) });
    const [applied, approved] = [define(T0, both), approval(minutes(2))];
    expect(log(applied, smoke(1, 'approve'))).not.toContain('started');
    expect(log(applied, approved)).not.toContain('started');
    expect(log(applied, smoke(1, 'approve'), approved).at(-1)).toBe('started');
    expect(log(applied, approved, smoke(3, 'approve')).at(-1)).toBe('started');
  });

  it('is asked after a shadow, in which nobody is served', () => {
    const shadowed = { ...guardedStart, ...aShadow() };
    const done = analysed(minutes(1), [], { pairs: [somePairs(350, 10_000)] });
    expect(log(define(T0, shadowed))).toEqual(['defined', 'started']);
    expect(log(define(T0, shadowed), done).slice(2)).toEqual(['gate-asked']);
    expect(log(define(T0, shadowed), done, smoke(2, 'approve'), { ...done, atMs: minutes(3) }).at(-1)).toBe('advanced');
  });
});

it('decides the same again when its log is replayed', () => {
  let state: DeliveryState = initialState;
  let service = newService('text-to-image');
  const events: DeliveryEvent[] = [];
  const serviceEvents: ServiceEvent[] = [];
  const analyses = new Map();
  const inputs = [define(T0, gated), proven(1), said(2, 'wait'), said(3, 'none'), said(4, 'approve'), proven(5)];
  for (const input of inputs) {
    const decided = decideOnService(service, state, input);
    if ('analysis' in input && decided.events.length > 0) analyses.set(events.length, input.analysis);
    state = decided.events.reduce(decider.evolve, state);
    service = decided.serviceEvents.reduce(evolveService, service);
    events.push(...decided.events);
    serviceEvents.push(...decided.serviceEvents);
  }
  const { decisions } = replayLog({ service: 'text-to-image', events, serviceEvents, analyses });
  expect(decisions.map(({ outcome }) => outcome)).toEqual(inputs.map(() => 'identical'));
  expect(state).toMatchObject({ phase: 'running', stage: 1 });
});
