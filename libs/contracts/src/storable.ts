/** What keeps a value from being JSON that Postgres' `jsonb` stores: the path to it and the reason. */
export interface Unstorable {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * Looks for what JSON or Postgres' `jsonb` (and so the log) would refuse or change: NUL characters, halves of surrogate pairs, numbers that are
 * not finite, keys that mean something to JavaScript. O(size).
 * @returns the first of it; undefined: the value survives.
 */
export function unstorableIn(value: unknown, path: readonly PropertyKey[] = []): Unstorable | undefined {
  if (typeof value === 'string') {
    const message = textFault(value);
    return message === undefined ? undefined : { path, message };
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    return { path, message: `${value}: expected a finite number` };
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, part] of Object.entries(value)) {
    const fault = key === '__proto__' ? '"__proto__" can be no key' : textFault(key);
    if (fault !== undefined) return { path, message: fault };
    const found = unstorableIn(part, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found) return found;
  }
  return undefined;
}

function textFault(text: string): string | undefined {
  if (text.includes('\u0000')) return 'a NUL character (\\u0000): expected text without it';
  if (/\p{Surrogate}/u.test(text)) return 'half of a surrogate pair: expected well-formed text';
  return undefined;
}
