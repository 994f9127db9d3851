import { MILLION } from '#libs/contracts';

const DAY_MS = 86_400_000;
const THIN_SPACE = '\u202f';

/** For people: three significant digits, thousands apart ("12 300"), a real minus sign. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${value < 0 ? '−' : ''}${size.toExponential(2)}`;
  const rounded = size >= 1_000 ? Math.round(size) : Number(size.toPrecision(3));
  const digits = rounded >= 1_000 ? grouped(rounded) : String(rounded);
  return value < 0 && rounded !== 0 ? `−${digits}` : digits;
}

/** "5 %" of 50,000 ppm. */
export function percent(ppm: number): string {
  return percentOf(ppm / MILLION);
}

/** "5 %" of the share 0.05. */
export function percentOf(share: number): string {
  return `${number(share * 100)} %`;
}

/** "1.5 s", "20 min", "3 h", "12 days". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${number(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${number(ms / 60_000)} min`;
  if (ms < 3 * DAY_MS) return `${number(ms / 3_600_000)} h`;
  return `${number(ms / DAY_MS)} days`;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, days: DAY_MS };

/** What {@link duration} has written, to the digits that it kept; undefined for other text. */
export function durationInWordsMs(text: string): number | undefined {
  const [, size = '', unit = ''] = /^(\d[\d.\u202f]*) (\w+)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  return unitMs === undefined ? undefined : Number(size.replaceAll(THIN_SPACE, '')) * unitMs;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US').replaceAll(',', THIN_SPACE);
}
