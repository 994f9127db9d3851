import { describe, expect, it } from 'vitest';
import type { FreezeWindow } from '#libs/contracts';
import { analysed, aSpec, define, harmful, logOf, minutes, operator, provenUpTo, T0 } from '#libs/testing/delivery';
import type { DeliveryInput } from '../inputs.js';
import { noticesOf } from '../notices.js';
import { freezeAt, freezeInWords } from './freeze.js';

const CLOCK = { elapsedMs: 60_000, leftMs: 3_600_000 };
const at = (text: string): number => Date.parse(text);

describe('a freeze window', () => {
  const weekend: FreezeWindow = { days: [0, 6], fromMinute: 0, toMinute: 1_440, timeZone: 'Europe/Berlin' };
  const evening: FreezeWindow = { days: [5], fromMinute: 960, toMinute: 1_440, timeZone: 'Europe/Berlin' };
  const once: FreezeWindow = { fromMs: at('2026-12-24T00:00:00Z'), toMs: at('2026-12-27T00:00:00Z') };

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
    expect(freezeAt([weekend, evening, once], at(time)) !== undefined).toBe(expected);
  });

  it('is said in words', () => {
    expect(freezeInWords(evening)).toBe('fri from 16:00 to 24:00 (Europe/Berlin)');
    expect(freezeInWords(once)).toBe('until 2026-12-27 00:00 UTC');
  });
});

const spec = aSpec({ freeze: [{ fromMs: minutes(2), toMs: minutes(60) }] });
const proven = (minute: number) =>
  analysed(minutes(minute), [provenUpTo('alignment', 1_000_000), provenUpTo('error-rate', 1_000_000)]);
const typesOf = (...inputs: readonly DeliveryInput[]): readonly string[] =>
  logOf(define(T0, spec), ...inputs).map(({ type }) => type);
const noticed = (minute: number) =>
  noticesOf(spec, { ...proven(minute).analysis, analysedAt: new Date(minutes(minute)).toISOString() }, CLOCK);

describe('in a freeze window', () => {
  it('no share rises by itself, and it does after the window', () => {
    expect(typesOf(proven(5), proven(59))).toEqual(['defined', 'started']);
    expect(typesOf(proven(5), proven(60))).toContain('promoted');
    expect(typesOf(proven(1))).toContain('promoted');
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
