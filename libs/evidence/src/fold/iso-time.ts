/** `2026-11-26T10:00:00.000Z`, as `Date.toISOString` writes it. */
const LENGTH = 24;
const ZERO = 48;
const DASH = 45;
const DAY_MS = 86_400_000;

/** The day that was read last, as its digits make a number and as ms since 1970: events come in the order of their time, more or less. */
let knownDay = -1;
let knownDayMs = 0;

/**
 * `Date.parse`, several times as fast for the usual way to write a time in UTC: two of them are read for every event.
 * @returns ms since 1970; NaN for what is no time.
 */
export function timeMs(iso: string): number {
  if (iso.length !== LENGTH || !isWrittenAsUsual(iso)) return Date.parse(iso);
  const hour = twoDigits(iso, 11);
  const minute = twoDigits(iso, 14);
  const second = twoDigits(iso, 17);
  const hundredths = twoDigits(iso, 20);
  const last = iso.charCodeAt(22) - ZERO;
  const isTime = hour < 24 && minute < 60 && second < 60 && hundredths < 100 && last >= 0 && last < 10;
  if (!isTime) return Date.parse(iso);
  return dayMs(iso) + ((hour * 60 + minute) * 60 + second) * 1_000 + hundredths * 10 + last;
}

function isWrittenAsUsual(iso: string): boolean {
  return (
    iso.charCodeAt(10) === 84 && // T
    iso.charCodeAt(13) === 58 && // :
    iso.charCodeAt(16) === 58 &&
    iso.charCodeAt(19) === 46 && // .
    iso.charCodeAt(23) === 90 // Z
  );
}

/** Two digits as a number below 100; 100 where one of them is none. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens < 10 && ones >= 0 && ones < 10 ? 10 * tens + ones : 100;
}

/** When the day begins; NaN where it is none. */
function dayMs(iso: string): number {
  const day = dayNumber(iso);
  if (day === knownDay) return knownDayMs;
  const ms = Date.parse(`${iso.slice(0, 10)}T00:00:00.000Z`);
  if (ms % DAY_MS === 0 && day !== NO_DAY) {
    knownDay = day;
    knownDayMs = ms;
  }
  return ms;
}

/** No other day has this number, and it is never one that is known. */
const NO_DAY = -2;

/** `2026-11-26` as 20261126; {@link NO_DAY} for what is not written like that. */
function dayNumber(iso: string): number {
  const century = twoDigits(iso, 0);
  const year = twoDigits(iso, 2);
  const month = twoDigits(iso, 5);
  const day = twoDigits(iso, 8);
  const isDay = century < 100 && year < 100 && month < 100 && day < 100;
  if (!isDay || iso.charCodeAt(4) !== DASH || iso.charCodeAt(7) !== DASH) return NO_DAY;
  return ((century * 100 + year) * 100 + month) * 100 + day;
}
