import type { ColumnOptions } from 'typeorm';

/** A `bigint` as a number: every one of this project is a count, a seed or a position below 2^53. */
export const BIG_INTEGER = {
  type: 'bigint',
  transformer: {
    from: (stored: string | null) => (stored === null ? null : Number(stored)),
    to: (value: unknown) => value,
  },
} as const satisfies ColumnOptions;
