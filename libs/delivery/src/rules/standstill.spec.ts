import { describe, expect, it } from 'vitest';
import type { TimeWindow } from '#libs/contracts';
import {
  analysed,
  aSpec,
  define,
  harmful,
  logOf,
  minutes,
  operator,
  provenUpTo,
  SPLIT_IS_OFF,
  T0,
} from '#libs/testing/delivery';
import type { DeliveryInput } from '../inputs.js';
import { noticesOf } from '../notices.js';
import { standstillAt } from './standstill.js';

const CLOCK = { elapsedMs: 60_000, leftMs: 3_600_000 };
const at = (text: string): number => Date.parse(text);

describe('a freeze window', () => {
  const weekend: TimeWindow = { days: [0, 6], fromMinute: 0, toMinute: 1_440, timeZone: 'Europe/Berlin' };
  const evening: TimeWindow = { days: [5], fromMinute: 960, toMinute: 1_440, timeZone: 'Europe/Berlin' };
  const once: TimeWindow = { fromMs: at('2026-12-24T00:00:00Z'), toMs: at('2026-12-27T00:00:00Z') };

  it.each([
    // Friday, 16:00 in Berlin, in winter and in summer time.
    ['2026-11-27T14:59:59Z', false],
    ['2026-11-27T15:00:00Z', true],
    ['2026-07-03T13:59:59Z', false],
    ['2026-07-03T14:00:00Z', true],
    // Over midnight into Saturday, and out of Sunday.
    ['2026-11-27T23:00:00Z', true],
    ['2026-11-29T22:59:59Z', true],
    ['2026-11-29T23:00:00Z', false],
    ['2026-12-23T23:59:59Z', false],
    ['2026-12-24T00:00:00Z', true],
    ['2026-12-27T00:00:00Z', true],
    ['2026-12-28T00:00:00Z', false],
  ])('%s: %s', (time, expected) => {
    const windows = [weekend, evening, once];
    expect(standstillAt({ freeze: windows }, at(time)) !== undefined).toBe(expected);
    expect(standstillAt({ schedule: windows }, at(time)) === undefined).toBe(expected);
  });

  it('of some hours of a day ends on the minute', () => {
    const noon: TimeWindow = { days: [5], fromMinute: 690, toMinute: 720, timeZone: 'UTC' };
    const isFrozen = (time: string): boolean =>
      standstillAt({ freeze: [noon] }, at(`2026-11-27T${time}Z`)) !== undefined;
    expect(['11:29:59', '11:30:00', '11:59:59', '12:00:00'].map(isFrozen)).toEqual([false, true, true, false]);
  });

  it('is said in words', () => {
    const friday = at('2026-11-27T16:00:00Z');
    const christmas = at('2026-12-24T12:00:00Z');
    expect(standstillAt({ freeze: [evening] }, friday)).toBe('Frozen fri from 16:00 to 24:00 (Europe/Berlin)');
    expect(standstillAt({ freeze: [once] }, christmas)).toBe('Frozen until 2026-12-27 00:00 UTC');
    expect(standstillAt({ schedule: [evening, once] }, at('2026-11-27T12:00:00Z'))).toBe(
      'Outside its schedule, fri from 16:00 to 24:00 (Europe/Berlin); 2026-12-24 00:00 UTC to 2026-12-27 00:00 UTC',
    );
  });

  it('counts within the schedule too', () => {
    expect(standstillAt({ freeze: [once], schedule: [weekend] }, at('2026-12-26T12:00:00Z'))).toContain('Frozen');
  });
});

const spec = aSpec({ freeze: [{ fromMs: minutes(2), toMs: minutes(60) }] });
const proven = (minute: number) =>
  analysed(minutes(minute), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)]);
const typesOf = (...inputs: readonly DeliveryInput[]): readonly string[] =>
  logOf(define(T0, spec), ...inputs).map(({ type }) => type);
const noticed = (minute: number) =>
  noticesOf(spec, { ...proven(minute).analysis, analysedAt: new Date(minutes(minute)).toISOString() }, CLOCK);

describe('outside the schedule', () => {
  const scheduled = aSpec({ schedule: [{ fromMs: minutes(10), toMs: minutes(20) }] });
  const typesAfter = (...inputs: readonly DeliveryInput[]): readonly string[] =>
    logOf(define(T0, scheduled), ...inputs).map(({ type }) => type);

  it('no share rises by itself, and it does within', () => {
    expect(typesAfter(proven(5), proven(25))).toEqual(['defined', 'started']);
    expect(typesAfter(proven(5), proven(10))).toContain('promoted');
  });

  it('harm rolls back', () => {
    expect(typesAfter(analysed(minutes(5), [harmful('alignment')]))).toContain('rolled-back');
  });
});

describe('in a freeze window', () => {
  it('no share rises by itself, and it does after the window', () => {
    expect(typesOf(proven(5), proven(59))).toEqual(['defined', 'started']);
    expect(typesOf(proven(5), proven(60))).toContain('promoted');
    expect(typesOf(proven(1))).toContain('promoted');
  });

  it('what is no rise is decided as ever: numbers that can not be trusted hold the ramp', () => {
    expect(typesOf(analysed(minutes(5), [], { health: SPLIT_IS_OFF }))).toContain('held');
  });

  it('harm rolls back, and a person may promote', () => {
    expect(typesOf(analysed(minutes(5), [harmful('alignment')]))).toContain('rolled-back');
    expect(typesOf(operator('promote', minutes(5)))).toContain('promoted');
  });

  it('people are told why nothing rises', () => {
    expect(noticed(5)[0]).toEqual({
      kind: 'frozen',
      message: 'Frozen until 2026-11-20 11:00 UTC: no share rises by itself and nobody wins. Harm still rolls back.',
    });
    expect(noticed(61).map(({ kind }) => kind)).not.toContain('frozen');
  });
});
