import { WEEKDAYS, type ExperimentSpec, type TimeWindow } from '#libs/contracts';

/**
 * Why no share may rise at a time: "Frozen until 2026-12-27 00:00 UTC", "Outside its schedule, mon, tue from 09:00 to 16:00 (Europe/Berlin)";
 * undefined where shares may. A freeze window counts also within the schedule.
 */
export function standstillAt(
  { freeze = [], schedule = [] }: Pick<ExperimentSpec, 'freeze' | 'schedule'>,
  atMs: number,
): string | undefined {
  const frozen = freeze.find((window) => isIn(window, atMs));
  if (frozen) return `Frozen ${'toMs' in frozen ? `until ${minuteOf(frozen.toMs)}` : windowInWords(frozen)}`;
  if (schedule.length === 0 || schedule.some((window) => isIn(window, atMs))) return undefined;
  return `Outside its schedule, ${schedule.map(windowInWords).join('; ')}`;
}

/** "fri from 16:00 to 24:00 (Europe/Berlin)", "2026-12-24 00:00 UTC to 2026-12-27 00:00 UTC". */
function windowInWords(window: TimeWindow): string {
  if ('fromMs' in window) return `${minuteOf(window.fromMs)} to ${minuteOf(window.toMs)}`;
  const { days, fromMinute, toMinute, timeZone } = window;
  return `${days.map((day) => WEEKDAYS[day]).join(', ')} from ${clock(fromMinute)} to ${clock(toMinute)} (${timeZone})`;
}

function minuteOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function clock(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

function isIn(window: TimeWindow, atMs: number): boolean {
  if ('fromMs' in window) return window.fromMs <= atMs && atMs < window.toMs;
  const { day, minute } = localTime(window.timeZone, atMs);
  return window.days.includes(day) && window.fromMinute <= minute && minute < window.toMinute;
}

/** Made once for each zone: making one takes longer than asking it a thousand times. */
const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(timeZone: string, atMs: number): { readonly day: number; readonly minute: number } {
  const format = formats.get(timeZone) ?? formatOf(timeZone);
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const day = WEEKDAYS.findIndex((name) => name === parts.get('weekday')?.toLowerCase());
  return { day, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(timeZone, format);
  return format;
}
