import type { ColumnOptions } from 'typeorm';

/** A `bigint` as a number: every one of this project is a count or a position below 2^53. */
export const BIG_INTEGER = {
  type: 'bigint',
  transformer: {
    from: (stored: string | null) => (stored === null ? null : Number(stored)),
    to: (value: unknown) => value,
  },
} as const satisfies ColumnOptions;

/** A whole number of at most 20 digits (an unsigned one of 64 bits): a number where that keeps its digits, else their text. */
export const DIGITS_20 = {
  type: 'numeric',
  precision: 20,
  transformer: {
    from: (stored: string | null) =>
      stored === null || !Number.isSafeInteger(Number(stored)) ? stored : Number(stored),
    to: (value: unknown) => value,
  },
} as const satisfies ColumnOptions;
