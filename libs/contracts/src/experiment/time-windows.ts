import { z } from 'zod';
import type { Complain } from './file-problems.js';
import type { TimeWindow } from './spec.js';

/** In the order of their numbers. */
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const timeOfDay = z
  .string('expected a time of day such as "16:00"')
  .regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'expected a time of day such as "16:00", at most "24:00"');

/** Windows of time, as people write them. */
export const windowsFile = z.array(
  z.union(
    [
      z.strictObject({ from: z.iso.datetime({ offset: true }), to: z.iso.datetime({ offset: true }) }),
      z.strictObject({
        days: z.array(z.enum(WEEKDAYS)).min(1),
        from: timeOfDay.default('00:00'),
        to: timeOfDay.default('24:00'),
        timeZone: z.string().default('UTC'),
      }),
    ],
    'expected { days: [fri], from: "16:00", to: "24:00", timeZone: Europe/Berlin }, or { from: 2026-12-24T00:00:00Z, to: 2026-12-27T00:00:00Z }',
  ),
);
type WrittenWindow = z.output<typeof windowsFile>[number];
type Weekly<Window> = Extract<Window, { readonly days: unknown }>;

/** Nothing is written where there are no windows, so that such a file stays the revision it was. @param field of the file that they stand in */
export function readWindows<Field extends 'freeze' | 'schedule'>(
  field: Field,
  written: z.output<typeof windowsFile>,
  complain: Complain,
): { readonly [name in Field]?: TimeWindow[] } {
  const windows = written.map((window, index): TimeWindow => {
    const read = 'days' in window ? weekly(window) : { fromMs: Date.parse(window.from), toMs: Date.parse(window.to) };
    const isEmpty = 'days' in read ? read.fromMinute >= read.toMinute : read.fromMs >= read.toMs;
    if (isEmpty) {
      const next = 'days' in window ? '; what goes on over midnight is two windows' : '';
      complain([field, index, 'to'], `${window.to} is not after ${window.from}${next}`);
    }
    if ('days' in read && !isTimeZone(read.timeZone)) {
      complain([field, index, 'timeZone'], `"${read.timeZone}" is no time zone: expected one such as Europe/Berlin`);
    }
    return read;
  });
  return windows.length === 0 ? {} : ({ [field]: windows } as { readonly [name in Field]: TimeWindow[] });
}

function weekly({ days, from, to, timeZone }: Weekly<WrittenWindow>): Weekly<TimeWindow> {
  const numbers = [...new Set(days.map((day) => WEEKDAYS.indexOf(day)))].sort((left, right) => left - right);
  return { days: numbers, fromMinute: minuteOf(from), toMinute: minuteOf(to), timeZone };
}

function minuteOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return hours * 60 + minutes;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone.length > 0;
  } catch {
    return false;
  }
}
