import { describe, expect, it } from 'vitest';
import {
  analysed,
  aSpec,
  aStage,
  define,
  explicitRamp,
  harmful,
  hours,
  logOf,
  minutes,
  operator,
  provenUpTo,
  somePairs,
  aShadow,
  T0,
  tick,
} from '#libs/testing/delivery';
import type { DeliveryInput } from '../inputs.js';
import { noticesOf } from '../notices.js';
import { allowedByPairs } from './pairs.js';

const BAKE = aStage(990_000, { atLeastMs: 24 * 3_600_000, bake: true });
const spec = aSpec({
  ramp: { kind: 'auto', stages: [aStage(10_000), aStage(500_000), BAKE, aStage(1_000_000)] },
});
const EVERYTHING = [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)];
const proven = (atMs: number): DeliveryInput => analysed(atMs, EVERYTHING);
const played = (...inputs: readonly DeliveryInput[]) =>
  logOf(define(T0, spec), ...inputs).map((event) => ({
    type: event.type,
    ...('command' in event ? { candidate: event.command.weightsPpm['candidate'], message: event.command.message } : {}),
  }));
const typesOf = (...inputs: readonly DeliveryInput[]): readonly string[] => played(...inputs).map(({ type }) => type);

describe('a bake', () => {
  it('keeps a slice with control once everything is proven, however fast the ramp is, and promotes after its time', () => {
    expect(typesOf(proven(minutes(1)), proven(hours(24)))).toEqual(['defined', 'started', 'advanced']);
    const events = played(proven(minutes(1)), proven(hours(25)));
    expect(events.map(({ type }) => type)).toEqual(['defined', 'started', 'advanced', 'promoted']);
    expect(events[2]).toMatchObject({
      candidate: 990_000,
      message: expect.stringContaining(
        'On to 99 %: every guardrail is proven to stay within its margin. It bakes: 1 % stays with control, and is compared with the rest, for 24 h before the promotion; harm still rolls back.',
      ),
    });
    expect(events[3]).toMatchObject({ candidate: 1_000_000 });
  });

  it('takes what the promotion takes: what is proven for half of the traffic does not bake', () => {
    const half = [provenUpTo('alignment', 500_000), provenUpTo('error-rate', 1_000_000)];
    expect(played(analysed(minutes(1), half)).at(-1)).toMatchObject({ type: 'advanced', candidate: 500_000 });
    expect(typesOf(analysed(minutes(1), half), analysed(minutes(2), half))).toHaveLength(3);
    // Nor what is proven for all but the slice.
    const slice = { sharePpm: 990_000, margin: 0.0096, lnENonInferior: 3.5, nonInferior: true };
    const almost = half.map((metric) => ({ ...metric, budget: [...metric.budget, slice] }));
    expect(played(analysed(minutes(1), almost)).at(-1)).toMatchObject({ type: 'advanced', candidate: 500_000 });
  });

  it('ends with a rollback where harm is proven, and with a promotion where a person wants it', () => {
    const harm = analysed(hours(20), [harmful('alignment'), provenUpTo('error-rate', 1_000_000)]);
    expect(played(proven(minutes(1)), harm).at(-1)).toMatchObject({ type: 'rolled-back', candidate: 0 });
    expect(typesOf(proven(minutes(1)), operator('promote', hours(1)))).toContain('promoted');
  });

  it('is not cut short by the deadline, which goes on after it', () => {
    // Proven an hour before the deadline of 24 hours.
    expect(typesOf(proven(hours(23)), tick(hours(40)), proven(hours(47.5)))).toContain('promoted');
    const late = logOf(define(T0, spec), proven(hours(23)), tick(hours(49)));
    expect(late.at(-1)).toMatchObject({
      type: 'concluded',
      command: { message: expect.stringContaining('24 h of its bake not counted') },
    });
  });

  it('is where no shadow leads to', () => {
    const shadowed = { ...spec, ...aShadow() };
    const pairs = [somePairs(350, 1_000_000, { firstStage: { stage: 2, sharePpm: 990_000 } })];
    const { analysis } = analysed(minutes(1), [], { pairs });
    expect(allowedByPairs(shadowed, analysis).stage).toBe(1);
  });

  it('is climbed to by an explicit ramp in its turn, and people are told of it', () => {
    const explicit = aSpec({ ramp: explicitRamp(...spec.ramp.stages) });
    const events = logOf(define(T0, explicit), ...[1, 2, 3].map((minute) => proven(minutes(minute))));
    expect(events.map(({ type }) => type)).toEqual(['defined', 'started', 'advanced', 'advanced']);
    const told = (stage: number): readonly string[] =>
      noticesOf(spec, analysed(T0, []).analysis, { elapsedMs: 1, leftMs: 1, stage }).map(({ kind }) => kind);
    expect(told(2)).toContain('baking');
    expect(told(1)).not.toContain('baking');
  });
});
