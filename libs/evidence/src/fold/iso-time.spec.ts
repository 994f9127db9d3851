import { describe, expect, it } from 'vitest';
import { timeMs } from './iso-time.js';

describe('times in UTC', () => {
  it('are read as Date.parse reads them', () => {
    const times = [
      '1970-01-01T00:00:00.000Z',
      '1969-12-31T23:59:59.999Z',
      '0001-01-01T00:00:00.001Z',
      '2026-02-28T12:34:56.789Z',
      '2026-02-29T12:34:56.789Z',
      '2024-02-29T12:34:56.789Z',
      '2026-11-31T00:00:00.100Z',
      '2026-12-31T23:59:59.999Z',
      '9999-12-31T24:00:00.000Z',
      '2026-00-10T00:00:00.000Z',
      '2026-13-10T00:00:00.000Z',
      '2026-01-32T00:00:00.000Z',
      '2026-01-10T25:00:00.000Z',
      '2026-01-10T24:00:00.000Z',
      '2026-01-10T23:60:00.000Z',
      '2026-01-10T23:00:60.000Z',
      '2026-01-10T2x:00:00.000Z',
      '2026-01-10T20:00:00.00 Z',
      '2026-01-10T20:00:00.0a0Z',
      '2026-01-10 20:00:00.000Z',
      '2026-01-10T20:00:00.000z',
      '2026-01-10T20:00:00+02:0',
      '2026-01-10T20:00:00+02:00',
      '2026-01-10T20:00:00Z',
      '2026-01-10',
      'abcd-ef-ghT20:00:00.000Z',
      '',
    ];
    for (const time of [...times, ...times.toReversed()])
      expect([time, timeMs(time)]).toEqual([time, Date.parse(time)]);
  });

  it('are read back whatever the moment', () => {
    for (let step = 0; step < 5_000; step++) {
      const ms = Math.floor(Math.sin(step) * 4e12);
      expect(timeMs(new Date(ms).toISOString())).toBe(ms);
    }
  });
});
