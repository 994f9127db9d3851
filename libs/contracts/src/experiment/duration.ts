import { z } from 'zod';

/** Ten years: longer is a slip of the pen, and far from where dates end. */
export const LONGEST_DURATION = '3650d';

const EXPECTED = 'expected a duration such as "500ms", "10m", "24h" or "1h30m"';
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Amounts with their units, each unit once, the largest first. */
const WRITTEN =
  /^(?=\d)(?:\d+(?:\.\d+)?d)?(?:\d+(?:\.\d+)?h)?(?:\d+(?:\.\d+)?m(?!s))?(?:\d+(?:\.\d+)?s)?(?:\d+(?:\.\d+)?ms)?$/;

/** A length of time as people write it. */
export const durationText = z
  .string(EXPECTED)
  .regex(WRITTEN, { error: EXPECTED, abort: true })
  .refine((text) => durationMs(text) <= durationMs(LONGEST_DURATION), `expected at most ${LONGEST_DURATION}`);

/** A length of time that is at least `least`, itself such a text. */
export function durationOfAtLeast(least: string): z.ZodType<string, string> {
  return durationText.refine((text) => durationMs(text) >= durationMs(least), {
    error: ({ input }) =>
      least === '1ms'
        ? `"${String(input)}": expected more than nothing, such as 1h`
        : `"${String(input)}": expected at least ${least}`,
  });
}

/**
 * "10m" → 600 000, "1h30m" → 5 400 000.
 * @throws RangeError where the text is no duration.
 */
export function parseDurationMs(text: string): number {
  const ms = durationMs(text);
  if (Number.isNaN(ms)) throw new RangeError(`duration "${text}": expected a number with ms, s, m, h or d`);
  return ms;
}

/** 345 600 000 → "4d": in the largest unit that divides it. */
export function durationInWords(ms: number): string {
  const units = Object.entries(UNIT_MS).reverse();
  const [unit, unitMs] = units.find(([, size]) => ms % size === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}

function durationMs(text: string): number {
  if (!WRITTEN.test(text)) return Number.NaN;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/gy);
  return Math.round(
    [...parts].reduce((sum, [, size, unit]) => sum + Number(size) * UNIT_MS[unit as keyof typeof UNIT_MS], 0),
  );
}
