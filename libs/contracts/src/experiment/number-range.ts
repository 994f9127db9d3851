/** Numbers between two ends, each with or without the end itself; an end that is absent is infinite. */
export interface NumberRange {
  readonly atLeast?: number | undefined;
  readonly above?: number | undefined;
  readonly atMost?: number | undefined;
  readonly below?: number | undefined;
}

/** Decimal, as JSON writes it, with a sign and without a leading digit too. No hexadecimal, no Infinity, no separators. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** The longest double takes 24 characters; what users send need not be short. */
const LONGEST_NUMBER = 64;

/** @returns null where the text is no number, or longer than any. */
export function isInNumberRange({ atLeast, above, atMost, below }: NumberRange, text: string): boolean | null {
  const trimmed = text.length > LONGEST_NUMBER ? '' : text.trim();
  if (!NUMBER.test(trimmed)) return null;
  const number = Number(trimmed);
  return (
    (atLeast === undefined || number >= atLeast) &&
    (above === undefined || number > above) &&
    (atMost === undefined || number <= atMost) &&
    (below === undefined || number < below)
  );
}

/** Whether no number lies in all of the ranges. */
export function isEmptyTogether(ranges: readonly NumberRange[]): boolean {
  const lows = ranges.map(({ atLeast, above }) => ({ end: atLeast ?? above ?? -Infinity, open: above !== undefined }));
  const highs = ranges.map(({ atMost, below }) => ({ end: atMost ?? below ?? Infinity, open: below !== undefined }));
  return lows.some((low) =>
    highs.some((high) => low.end > high.end || (low.end === high.end && (low.open || high.open))),
  );
}
