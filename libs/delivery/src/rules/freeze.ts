import { WEEKDAYS, type FreezeWindow } from '#libs/contracts';

/** The window in which a time lies; undefined where shares may rise. */
export function freezeAt(windows: readonly FreezeWindow[] | undefined, atMs: number): FreezeWindow | undefined {
  return windows?.find((window) => isIn(window, atMs));
}

/** "until 2026-12-27 00:00 UTC", "fri from 16:00 to 24:00 (Europe/Berlin)". */
export function freezeInWords(window: FreezeWindow): string {
  if ('fromMs' in window) return `until ${new Date(window.toMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const { days, fromMinute, toMinute, timeZone } = window;
  return `${days.map((day) => WEEKDAYS[day]).join(', ')} from ${clock(fromMinute)} to ${clock(toMinute)} (${timeZone})`;
}

function clock(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

function isIn(window: FreezeWindow, atMs: number): boolean {
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
